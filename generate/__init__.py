"""Script -> voice -> lips -> picture: makes a candidate video."""
