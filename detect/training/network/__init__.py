"""A network that looks at faces at their own scale: crops, forgeries made of them, training, the figures.

python -m detect.training.network build|fit|store|learn|score|ship --help
"""
