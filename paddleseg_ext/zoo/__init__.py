"""The 47 published recipes: the facts that their publishers state, and a check of our YAML files against them.

SSSegmentation publishes rows of all three models, mmsegmentation those of PSANet, and PSANet_paddle one row.

``published.yml`` holds the facts. ``python -m paddleseg_ext.zoo --help`` lists the commands.
"""
