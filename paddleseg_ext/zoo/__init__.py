"""The 47 published rows: what their publishers say of them, the YAML files that repeat them, and a check of the two.

They are SSSegmentation's rows of the three models, mmsegmentation's of PSANet, and PSANet_paddle's one.

``python -m paddleseg_ext.zoo --help`` lists the commands. The facts are in ``published.yml``.
"""
