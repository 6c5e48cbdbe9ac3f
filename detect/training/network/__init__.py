"""The network that looks at faces at their own scale: crops, forgeries made of them, the training loop, the figures.

python -m detect.training.network build|fit|measure|ship --help
"""
