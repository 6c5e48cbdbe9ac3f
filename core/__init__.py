"""What everything stands on: settings, database, blobs, media, perception, weights, gates, errors."""
