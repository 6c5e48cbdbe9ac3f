"""The engine's parts, each by what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from core.perception.models import Phone
from generate.lipsync.articulation import fit_articulation
from generate.lipsync.body import longest_run, walk
from generate.lipsync.examine import sound_offset
from generate.lipsync.points import LOWER, STABLE
from generate.lipsync.pose import Poses, canonical_stable, poses
from generate.lipsync.regression import fit
from generate.lipsync.shape import APERTURE, GESTURES, LOWER_LIP, WIDTH, fit_shape, gestures
from generate.lipsync.speech import CLASSES, CLOSED, asked, classes, held, nearness, sound_features
from generate.lipsync.targets import TARGETS
from generate.lipsync.units import select
from generate.lipsync.warp import backward_map, bend
from generate.models import Speech

RNG = np.random.default_rng(7)
TIMES = (np.arange(240) + 0.5) / 25


class TestPose:
    def test_a_known_turn_is_found_and_undone(self) -> None:
        face = RNG.normal(size=(478, 3)) * 0.5
        angle = np.radians([-12, -5, 0, 4, 9, 15])
        turn = np.array([[[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]] for a in angle])
        seen = 80 * np.einsum("nij,pj->npi", turn, face) + np.array([300, 200, 0])
        found = poses(seen, face[STABLE])
        assert found.angles()[:, 0] == pytest.approx(np.degrees(angle), abs=1e-6)
        assert found.scale == pytest.approx(80)
        assert found.to_canonical(seen) == pytest.approx(np.tile(face, (6, 1, 1)))
        assert found.to_pixels(face, 2) == pytest.approx(seen[2, :, :2])

    def test_canonical_is_one_inter_eye_distance_wide(self) -> None:
        face = RNG.normal(size=(478, 3))
        face[33], face[263] = (-1, 0, 0), (1, 0, 0)
        face[10], face[6] = (0, -1.2, 0), (0, 0.1, 0)
        stable = canonical_stable(np.tile(50 * face, (12, 1, 1)))
        corners = [int(np.flatnonzero(corner == STABLE)[0]) for corner in (33, 263)]
        assert stable[corners[0]] == pytest.approx([-0.5, 0, 0], abs=1e-9)
        assert stable[corners[1]] == pytest.approx([0.5, 0, 0], abs=1e-9)


class TestShape:
    def test_a_change_of_gesture_moves_the_points_by_exactly_that(self) -> None:
        latent = RNG.normal(size=(300, 12))
        canonical = RNG.normal(size=(478, 3)) + np.einsum(
            "nk,kpd->npd", latent, RNG.normal(size=(12, 478, 3)) * 0.01
        )
        own = gestures(canonical)
        shape = fit_shape(canonical, own)
        change = np.zeros(len(GESTURES))
        change[APERTURE], change[WIDTH] = 0.02, -0.01
        moved = canonical[0].copy()
        moved[LOWER] = shape.move(canonical[0, LOWER], change)
        assert gestures(moved[None])[0] - own[0] == pytest.approx(change, abs=0.004)


class TestSpeech:
    def test_every_phone_of_the_alphabet_has_targets_and_a_class(self) -> None:
        symbols = set().union(*CLASSES)
        assert symbols == set(TARGETS)
        assert all(len(row) == len(GESTURES) + 2 for row in TARGETS.values())

    def test_targets_are_what_a_phonetician_expects(self) -> None:
        opening = {phone: row[APERTURE] for phone, row in TARGETS.items()}
        assert (
            max(opening["P"], opening["B"], opening["M"])
            < min(opening["AA"], opening["AE"], opening["AY"]) - 2
        )
        width = {phone: row[WIDTH] for phone, row in TARGETS.items()}
        assert max(width["W"], width["UW"], width["OW"]) < min(width["EY"], width["S"], width["AE"]) - 1
        assert TARGETS["F"][LOWER_LIP] < TARGETS["S"][LOWER_LIP] - 0.5

    def test_neighbours_colour_one_another(self) -> None:
        times = np.array([0.25])
        spread = [Phone("IY", 0.0, 0.2), Phone("K", 0.2, 0.3), Phone("IY", 0.3, 0.5)]
        rounded = [Phone("W", 0.0, 0.2), Phone("K", 0.2, 0.3), Phone("UW", 0.3, 0.5)]
        assert asked(spread, times)[0, WIDTH] > asked(rounded, times)[0, WIDTH] + 0.3

    def test_a_long_script_is_asked_in_pieces(self) -> None:
        phones = [Phone("AA" if n % 2 else "M", n * 0.1, n * 0.1 + 0.1) for n in range(400)]
        whole = asked(phones, np.arange(0, 40, 0.04))
        part = asked(phones[:60], np.arange(0, 5, 0.04))
        assert whole[:100] == pytest.approx(part[:100], abs=1e-6)

    def test_closures_hold_in_the_phone_and_nowhere_else(self) -> None:
        phones = [Phone("AA", 0, 0.3), Phone("M", 0.3, 0.36), Phone("AA", 0.36, 0.6)]
        times = np.arange(0, 0.6, 0.02)
        shut = held(phones, times, CLOSED)
        assert shut[(times >= 0.3) & (times <= 0.36)].min() == 1
        assert shut[(times < 0.22) | (times > 0.44)].max() == 0

    def test_without_phones_nothing_is_asked(self) -> None:
        times = np.arange(0, 1, 0.04)
        assert np.ptp(asked([], times), axis=0).max() == 0
        assert not classes([], times).any()
        assert not nearness([], times).any()

    def test_loudness_is_seen_in_the_sound(self) -> None:
        tone = np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000).astype(np.float32)
        tone[8000:] *= 0.01
        features = sound_features(tone, np.array([0.25, 0.75]))
        assert features[0, -1] > features[1, -1] + 4


class TestArticulation:
    PHONES = tuple(
        Phone(symbol, n * 0.12, n * 0.12 + 0.12)
        for n, symbol in enumerate(["M", "AA", "P", "IY", "W", "AE", "F", "OW", "S", "AH"] * 8)
    )

    def person(self) -> tuple[np.ndarray, Speech]:
        samples = RNG.normal(size=int(9.6 * 16_000)).astype(np.float32) * 0.1
        speech = Speech(samples, 16_000, self.PHONES, "")
        times = (np.arange(240) + 0.5) / 25
        own = asked(self.PHONES, times) * 0.02 + 0.1 + RNG.normal(size=(240, 8)) * 0.002
        return own, speech

    def test_what_a_person_does_is_learned(self) -> None:
        own, speech = self.person()
        usable = np.ones(240, bool)
        usable[180:] = False
        said = fit_articulation(own, usable, speech, TIMES).predict(speech, 25.0, 240)
        assert np.corrcoef(said[180:, APERTURE], own[180:, APERTURE])[0, 1] > 0.85

    @pytest.mark.parametrize("with_sound", [True, False])
    def test_lips_close_for_each_p_b_m(self, with_sound: bool) -> None:
        own, speech = self.person()
        model = fit_articulation(own, np.ones(240, bool), speech if with_sound else None, TIMES)
        said = model.predict(speech, 25.0, 240)[:, APERTURE]
        low = np.percentile(own[:, APERTURE], 3)
        for phone in self.PHONES:
            if phone.symbol in CLOSED:
                frames = slice(int(phone.t0 * 25), int(np.ceil(phone.t1 * 25)))
                assert said[frames].min() <= low + 1e-9, phone

    def test_a_model_survives_the_disk(self) -> None:
        own, speech = self.person()
        model = fit_articulation(own, np.ones(240, bool), speech, TIMES)
        again = type(model).from_arrays(model.arrays())
        assert np.array_equal(again.predict(speech, 25.0, 240), model.predict(speech, 25.0, 240))

    def test_regression_learns_what_is_curved(self) -> None:
        x = RNG.normal(size=(600, 3))
        z = np.stack([x[:, 0] + np.abs(x[:, 1]) - 0.8], axis=1)
        guess = fit(x[:400], z[:400]).predict(x[400:])
        assert np.corrcoef(guess[:, 0], z[400:, 0])[0, 1] > 0.85


class TestSelection:
    def test_a_run_of_the_reference_is_kept_whole(self) -> None:
        own = np.cumsum(RNG.normal(size=(200, 8)) * 0.3, axis=0)
        pose = np.zeros((200, 3))
        chosen = select(own[50:90], pose[50:90], own, pose, np.zeros(200))
        assert list(chosen) == list(range(50, 90))

    def test_blurred_mouths_are_avoided(self) -> None:
        own = np.zeros((40, 8))
        cost = np.full(40, 2.0)
        cost[7] = 0.0
        chosen = select(np.zeros((10, 8)), np.zeros((10, 3)), own, np.zeros((40, 3)), cost)
        assert set(chosen) == {7}


class TestBody:
    def test_any_length_is_continued_frame_by_frame(self) -> None:
        motion = RNG.random(300)
        path = walk((20, 280), motion, 5000, 25.0)
        assert len(path) == 5000
        assert path.min() >= 20 and path.max() < 280
        assert np.abs(np.diff(path)).max() == 1

    def test_it_turns_where_the_head_is_calm(self) -> None:
        motion = np.ones(200)
        motion[8:15] = motion[186:193] = 0.0
        path = walk((0, 200), motion, 900, 25.0)
        turns = path[1:-1][np.diff(path[:-1]) * np.diff(path[1:]) < 0]
        assert set(turns) <= set(range(8, 15)) | set(range(186, 193))

    def test_the_longest_run(self) -> None:
        assert longest_run(np.array([1, 1, 0, 1, 1, 1, 0], bool)) == (3, 6)
        assert longest_run(np.zeros(4, bool)) == (0, 0)


class TestWarp:
    def test_nothing_moves_where_no_point_moves(self) -> None:
        points = RNG.uniform(0, 100, size=(30, 2))
        where = backward_map(points, points, (0, 0, 101, 91))
        still = np.stack(np.meshgrid(np.arange(101), np.arange(91)), axis=2)
        assert np.abs(where - still).max() < 0.01

    def test_points_come_from_where_they_were(self) -> None:
        target = np.stack(np.meshgrid([10, 50, 90], [10, 50, 90]), axis=2).reshape(-1, 2).astype(float)
        source = target.copy()
        source[4] += (3, -2)
        where = backward_map(target, source, (0, 0, 101, 101), grid=2.0)
        assert where[50, 50] == pytest.approx(source[4], abs=0.2)
        assert where[10, 10] == pytest.approx(source[0], abs=0.2)

    def test_a_whole_pixel_shift_is_exact(self) -> None:
        image = RNG.integers(0, 255, size=(40, 40, 3), dtype=np.uint8)
        where = np.stack(np.meshgrid(np.arange(5, 30), np.arange(7, 30)), axis=2).astype(np.float32)
        assert np.array_equal(bend(image, where), image[7:30, 5:30])


def test_the_sounds_delay_is_found() -> None:
    lips = np.cumsum(RNG.normal(size=(400, 3)), axis=0)
    lips -= np.linspace(0, 1, 400)[:, None] * lips[-1]
    late = np.roll(lips, 6, axis=0) + RNG.normal(size=(400, 3)) * 0.1
    offset, confidence = sound_offset(lips, late)
    assert offset == 6
    assert confidence > 0.8


def test_poses_can_be_picked() -> None:
    every = Poses(np.arange(3.0), np.zeros((3, 3, 3)), np.zeros((3, 3)))
    assert list(every.pick(np.array([2, 0])).scale) == [2, 0]
