"""Draws sixty shapes in ten colors into `pictures`, and answers of a simulated participant into `triplets.csv`."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

colors = "red orange gold green teal blue purple brown gray black".split()
corners = {"circle": 60, "triangle": 3, "square": 4, "pentagon": 5, "octagon": 8}
corners["bar"] = None
folder = Path("pictures")
folder.mkdir()
for color in colors:
    for shape, count in corners.items():
        picture = Image.new("RGB", (224, 224), "white")
        draw = ImageDraw.Draw(picture)
        if count is None:
            draw.rectangle((40, 92, 184, 132), fill=color)
        else:
            draw.regular_polygon((112, 112, 70), count, fill=color)
        picture.save(folder / f"{color}-{shape}.png")

rng = random.Random(0)
names = sorted(path.stem for path in folder.iterdir())
with open("triplets.csv", "w") as file:
    print("image1,image2,odd", file=file)
    for _ in range(4000):
        first = rng.choice(names)
        color = first.split("-")[0]
        same = [name for name in names if name.startswith(color)]
        second = rng.choice([name for name in same if name != first])
        odd = rng.choice([name for name in names if name not in same])
        row = [first, second, odd]
        if rng.random() < 0.2:
            rng.shuffle(row)
        print(*row, sep=",", file=file)
