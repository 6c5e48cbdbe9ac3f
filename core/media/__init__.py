"""Video and sound in and out, in a stream. What comes from outside is decoded in a confined child process.

``models`` the words · ``probe`` what a file is, and whether it is within the limits · ``decode`` pictures
and sound · ``essence`` the digest that the container cannot change · ``boxes`` the boxes of an MP4 ·
``encode`` the one encoder · ``confined`` and ``child`` the process that touches foreign bytes.
"""
