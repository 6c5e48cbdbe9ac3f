"""How a persona comes in through the browser: the reference clip and its examination, the authority as it is proposed
and approved, and the signed document behind it."""
