"""Trust step 4: the voice speaks the text that passed step 3; phoneme timings are kept."""

from __future__ import annotations

from core.blobs import blobs
from generate.voice import load_voice
from pipeline.cache import remember, remembered, stage_key
from pipeline.jobs import Job, Outcome, workspace
from pipeline.states import State


def run(job: Job) -> Outcome:
    """An import brings its own sound and passes through."""
    if job.render.origin != "made" or job.render.script is None:
        return Outcome(State.VOICED)
    voice = load_voice(job.persona.voice)
    key = stage_key(
        job.render.brand_id,
        "voice",
        voice.name,
        {"text": job.render.script, "language": job.campaign.language},
    )
    known = remembered(key)
    if known is None:
        job.progress(0.1)
        speech = voice.speak(job.render.script, language=job.campaign.language)
        job.progress(0.8)
        with workspace() as folder:
            path = folder / "speech.npz"
            speech.save(path)
            known = {"sha256": blobs().put_file(path, "speech").sha256}
        remember(key, brand_id=job.render.brand_id, stage="voice", result=known)
    return Outcome(State.VOICED, values={"speech_sha256": known["sha256"]})
