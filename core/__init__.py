"""What everything stands on: settings, database, blobs, media, perception, weights, gates, errors."""

from core.threads import limit_threads

limit_threads()
