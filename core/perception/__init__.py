"""What the system sees and hears: the face track, words, phones, and the embedders of face and voice."""
