"""Pages whose examples need packages that are not installed are left out, and what the site is made of and into."""

from importlib.util import find_spec

needed = {
    "torch.md": ["torch"], "probing.md": ["scipy", "sklearn"], "glocal.md": ["scipy"],
    "figures.md": ["altair", "vl_convert", "PIL"],
    "from-cblearn.md": ["cblearn"], "from-rsatoolbox.md": ["rsatoolbox"], "howto-align.md": ["scipy", "sklearn"],
    "howto-gpu.md": ["torch"],
}
collect_ignore = ["conf.py", "_ext", "gallery", "reference"]
collect_ignore += [page for page, packages in needed.items() if not all(map(find_spec, packages))]
