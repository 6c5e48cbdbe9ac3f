"""Material and attacks that the watermark benchmarks share."""
