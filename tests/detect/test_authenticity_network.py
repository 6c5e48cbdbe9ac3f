"""The network that looks: cut alike, served alike, forged in pairs, trained from where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from detect.artifact.crop import CANVAS, FACE, WINDOW, face_height, native_crop, reach, windows
from detect.artifact.network import FaceNetwork, log_odds, network_input, probabilities
from detect.training.network import alike, figures, fit, forge, head, measure, model, pairs, regenerate, serve
from detect.training.network.crops import Faces, clusters
from detect.training.network.pairs import Pairs, tensor
from tests.detect.test_artifact_training import face_of_points


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A lite network with drawn weights, on disk as the gate reads it, and the torch reference."""
    torch.manual_seed(0)
    net: Any = model.make("lite")
    torch.nn.init.normal_(net.head.classifier.weight, std=0.2)
    path = tmp_path_factory.mktemp("network") / "drawn.safetensors"
    facts = {"slope": 1.0, "offset": 0.0, "farthest": 1e9}
    serve.write(net, path, facts, (np.zeros(model.FEATURES), np.ones(model.FEATURES)))
    return path, net.eval()


def test_a_small_face_keeps_its_pixels_and_a_large_one_is_shrunk() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (900, 900, 3), dtype=np.uint8)
    small = face_of_points(160) + 300
    crop, points = native_crop(image, small)
    x, y = np.round(small[0] - points[0]).astype(int)
    assert crop.shape == (CANVAS, CANVAS, 3)
    assert np.array_equal(crop[100:150, 100:150], image[y + 100 : y + 150, x + 100 : x + 150])
    _, points = native_crop(image, face_of_points(800))
    assert face_height(points) == pytest.approx(FACE, abs=2)


def test_a_face_at_the_edge_of_the_picture_is_cut_and_its_windows_lie_on_the_canvas() -> None:
    image = np.full((200, 200, 3), 90, np.uint8)
    crop, points = native_crop(image, face_of_points(240) - 60)
    assert windows(crop, points).shape == (6, WINDOW, WINDOW, 3)
    assert (reach(points) >= 0).all() and (reach(points) <= CANVAS - WINDOW).all()


def test_the_served_network_answers_as_torch_does(served: tuple[Path, Any]) -> None:
    path, net = served
    views = np.random.default_rng(1).integers(0, 255, (3, WINDOW, WINDOW, 3), dtype=np.uint8)
    logits, features = FaceNetwork(path).windows(views)
    with torch.no_grad():
        wanted, seen = net(torch.from_numpy(network_input(views)))
    assert np.abs(features - seen.numpy()).max() < 0.02 * max(1.0, float(seen.abs().max()))
    assert np.abs(probabilities(logits) - torch.softmax(wanted, 1).numpy()).max() < 0.01
    assert np.allclose(log_odds(logits), np.log(1 / probabilities(logits)[:, 0] - 1), atol=1e-5)


def test_the_reference_looks_as_the_served_network_does(served: tuple[Path, Any]) -> None:
    path, net = served
    crop, points = faces().crops[0], faces().points[0]
    for one, other in zip(
        FaceNetwork(path).look(crop, points), measure.Reference(net).look(crop, points), strict=True
    ):
        assert np.abs(one - other).max() < 0.05


def test_imagenet_weights_are_mapped_by_name() -> None:
    import timm

    own = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    theirs = {
        "_conv_stem.weight": torch.zeros(1),
        "_blocks.0._project_conv.weight": torch.zeros(2),
        "_blocks.3._bn1.bias": torch.zeros(3),
        "_blocks.15._project_conv.weight": torch.zeros(4),
        "_bn1.running_mean": torch.zeros(5),
    }
    mapped = model.by_name(theirs)
    assert [len(mapped[key]) for key in mapped] == [1, 2, 3, 4, 5]
    assert set(mapped) <= set(own)


def test_an_untrained_network_prefers_no_class() -> None:
    for name in ("lite", "xception"):
        net = model.make(name).eval()
        with torch.no_grad():
            assert not net(torch.randn(1, 3, WINDOW, WINDOW))[0].any()


def faces() -> Faces:
    rng = np.random.default_rng(0)
    n = 24
    generator = np.array([""] * 16 + ["engine"] * 8)
    return Faces(
        crops=rng.integers(60, 200, (n, CANVAS, CANVAS, 3), dtype=np.uint8),
        points=np.stack([face_of_points(CANVAS)] * n),
        source=np.arange(n, dtype=np.int32) // 4,
        cluster=np.arange(n) // 4,
        part=np.array(["train"] * n),
        generator=generator,
        repository=np.array(["mebeauty"] * n),
        clip=np.array([False] * 8 + [True] * 8 + [False] * 4 + [True] * 4),
        sources=(),
    )


def test_a_batch_is_pairs_and_always_the_same() -> None:
    views, labels = Pairs(faces(), 3)[5]
    again, _ = Pairs(faces(), 3)[5]
    assert torch.equal(views, again)
    assert (labels[::2] == 0).all() and (labels[1::2] > 0).sum() > 8  # some pairs are two cameras'
    assert not torch.equal(Pairs(faces(), 4)[5][0], views)


def test_a_pair_of_pictures_gives_several_pairs_of_windows() -> None:
    views, labels = Pairs(faces(), 3, pairs=4, looks=3)[0]
    assert views.shape == (24, WINDOW, WINDOW, 3)
    assert (labels[::2] == 0).all()
    assert all(len(set(labels[i + 1 : i + 6 : 2].tolist())) == 1 for i in range(0, 24, 6))


def test_training_and_serving_see_the_same_numbers() -> None:
    views, _ = Pairs(faces(), 3, pairs=1)[0]
    assert np.allclose(tensor(views).numpy(), network_input(views.numpy()), atol=1e-6)


@pytest.mark.parametrize("kind", ["self_blend", "mouth", "face", "bands", "poisson"])
def test_a_forgery_changes_the_face_and_nothing_at_the_border(kind: str) -> None:
    rng = np.random.default_rng(2)
    some = faces()
    image, points, donor = some.crops[0], some.points[0], some.crops[9]
    if kind == "self_blend":
        forged = forge.self_blend(image, points, rng)
    else:
        region: Any = "face" if kind == "face" else "mouth"
        ways = {"poisson": kind == "poisson", "bands": kind == "bands"}
        forged = forge.paste(image, points, donor, points, region, rng=rng, **ways)
    assert np.abs(forged.astype(int) - image)[100:220, 60:200].mean() > 0.5
    if kind != "self_blend":
        assert np.array_equal(forged[:8], image[:8])


def test_the_way_is_the_same_for_both_of_a_pair() -> None:
    image, points = faces().crops[0], faces().points[0]
    way = replace(alike.draw(np.random.default_rng(3)), noise=5.0)
    first, _ = alike.travel(image, points, way)
    second, _ = alike.travel(image, points, way)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, image)


def test_a_picture_may_be_the_last_of_a_film() -> None:
    image, points = faces().crops[0], faces().points[0]
    way = alike.Way(codec="h264", level=30, frames=3, seed=5)
    shown = alike.film(image, way)
    assert len(shown) == 3 and shown[-1] is image and not np.array_equal(shown[0], image)
    out, _ = alike.travel(image, points, way)
    assert out.shape == image.shape and not np.array_equal(out, image)


def test_faces_drawn_anew_are_pairs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regenerate, "STEPS", 1)
    few = faces()
    few = replace(few, part=np.array(["train"] * 2 + ["test"] * 22))
    monkeypatch.setattr(regenerate, "_batch", lambda pictures, *_: tensor(pictures[:1, :32, :32]))
    monkeypatch.setattr(regenerate, "_judge", lambda *_: lambda x: [x])
    plans = (regenerate.Plan(3, 4, "transposed", 0.1), regenerate.Plan(2, 4, "shuffle", small=True))
    regenerate.redraw(few, tmp_path / "redrawn.npz", plans=plans, steps=1)
    redrawn = regenerate.read(tmp_path / "redrawn.npz")
    assert {row: several.shape for row, several in redrawn.items()} == dict.fromkeys(
        (0, 1), (2, CANVAS, CANVAS, 3)
    )
    monkeypatch.setattr(pairs, "REDRAWN", 1.0)
    monkeypatch.setattr(pairs, "CLIPS", 0.0)
    some = Pairs(faces(), 3, redrawn=dict.fromkeys(range(16), redrawn[0]))
    _, labels = some[0]
    assert {1, 2} <= set(labels.tolist())
    assert regenerate.read(tmp_path / "none.npz") == {}


def test_sharpness_is_made_alike() -> None:
    image, points = faces().crops[0], faces().points[0]
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8)
    for first, second in (pairs.as_sharp(image, soft, points), pairs.as_sharp(soft, image, points)[::-1]):
        assert pairs._sharpness(first, points) == pytest.approx(pairs._sharpness(second, points), rel=0.25)


def test_two_networks_answer_with_the_mean_of_their_odds(served: tuple[Path, Any]) -> None:
    path, _ = served
    one = FaceNetwork(path)

    class Sure:
        def look(self, crop: Any, points: Any) -> tuple[Any, Any]:
            return np.array([0.5, 3.0, 1.0], np.float32), np.ones(2, np.float32)

    crop, points = faces().crops[0], faces().points[0]
    logits, features = measure.Both([one, Sure()]).look(crop, points)
    odds = [log_odds(network.look(crop, points)[0][None])[0] for network in (one, Sure())]
    assert log_odds(logits[None])[0] == pytest.approx(np.mean(odds), abs=1e-5)
    assert len(features) == model.FEATURES + 2


def test_a_union_weighs_both_models() -> None:
    rng = np.random.default_rng(0)
    kind = np.array(["camera"] * 40 + ["self_blend"] * 40 + ["engine"] * 8)
    fake = kind != "camera"
    lines = {"kind": kind, "network": fake + rng.normal(size=88), "trees": fake + rng.normal(size=88)}
    first, second, _ = figures.joined(lines)
    assert first > 0 and second > 0


def test_people_are_joined_by_embedding_and_by_identity() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(3, 128)).astype(np.float32)
    rows = np.stack([base[0], base[1], base[0] + 0.01, base[2]])
    found = clusters(rows, ["a", "b", "c", "b"])
    assert found[0] == found[2] and found[1] == found[3] and found[0] != found[1]


def test_a_band_keeps_to_its_side() -> None:
    some = faces()
    image, other = some.crops[0], some.crops[1]
    nothing, all_of_it = np.zeros((CANVAS, CANVAS, 1), np.float32), np.ones((CANVAS, CANVAS, 1), np.float32)
    assert np.abs(forge.by_bands(image, other, nothing).astype(int) - image).max() <= 1
    assert np.abs(forge.by_bands(image, other, all_of_it).astype(int) - other).max() <= 1


def test_the_rates_can_end_with_the_time() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([{"params": [weight], "rate": 1.0}])
    rates = []
    for done in (0.0, 0.5, 1.0):
        fit._rate(optimiser, 1000, done)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([1.0, 0.505, 0.01])


def test_training_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fit.BATCH, "cpu", (2, 2))
    assert not fit.fit(faces(), tmp_path, "lite", steps=2, seconds=0)
    assert fit.fit(faces(), tmp_path, "lite", steps=2, seconds=1e9)
    saved = torch.load(tmp_path / "lite.pt", weights_only=True)
    assert saved["step"] == 2
    assert fit.read(tmp_path / "lite.pt").head.classifier.weight.any()


def test_a_head_learns_from_stored_taps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "STORED", 2)
    assert head.store(faces(), tmp_path, batches=1, seconds=1e9)
    head.learn(tmp_path, tmp_path / "lite.pt", steps=2, seconds=1e9)
    assert fit.read(tmp_path / "lite.pt").head.classifier.weight.any()


def test_the_network_ships_only_where_it_is_better() -> None:
    def line(low: float, network: float = 0.6, value: float = 0.1) -> dict[str, Any]:
        return {"difference": [value, low, 0.3], "network": [0.7, network, 0.8]}

    better = {
        "self_blend clean": line(0.01),
        "unseen same-source clean": line(0.01),
        "unseen engines clean": line(-0.1),
    }
    assert figures.ships(better)
    assert not figures.ships(better | {"self_blend clean": line(-0.01)})
    assert not figures.ships(better | {"unseen same-source clean": line(0.01, network=0.49)})
    assert not figures.ships(better | {"unseen engines clean": line(-0.3, value=-0.05)})
