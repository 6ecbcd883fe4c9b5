"""The demo's compacts, palettes, puffs and spatulas; every measure in mm."""

from __future__ import annotations

from functools import partial as p

from offline.datasets.demo import makeup as m
from offline.datasets.demo.materials import frosted, gloss, metal, powder, satin, velour, wood
from offline.datasets.demo.meshes import Section, circle
from offline.datasets.demo.row import Row

square = Section(32, 32, 9)

# fmt: off
MAKEUP: dict[str, list[Row]] = {
    "compact": [
        ("round-black", "Round compact, open",
         p(m.compact, circle(36), gloss("black"), powder("nude"))),
        ("round-rose-gold", "Round compact with embossed powder",
         p(m.compact, circle(36), metal("rose-gold"), powder("blush"), emboss=True)),
        ("square-ivory", "Square compact with puff",
         p(m.compact, square, gloss("ivory"), powder("sand"), puff="peach")),
        ("square-navy", "Square compact, duo powder",
         p(m.compact, square, satin("navy"), powder("nude"), split=powder("rose"),
           pan_rim="gold")),
        ("oblong-plum", "Oblong compact with mirror",
         p(m.compact, Section(42, 28, 8), gloss("plum"), powder("coral"), angle=100)),
        ("round-white-ajar", "Round compact, half open",
         p(m.compact, circle(38), gloss("white"), powder("tan"), angle=58, height=11)),
        ("round-green-closed", "Round compact, closed, gold plaque",
         p(m.compact, circle(35), gloss("green"), powder("nude"), angle=0, plaque="gold",
           height=10)),
    ],
    "palette": [
        ("quad-black", "Eye shadow quad",
         p(m.palette, 64, 62, gloss("black"), ["nude", "tan", "brown", "ivory"], (2, 2),
           shimmer=(3,))),
        ("six-round-ivory", "Six round pans, no lid",
         p(m.palette, 96, 66, satin("ivory"), ["peach", "rose", "berry", "sand", "tan", "brown"],
           (3, 2), round_pans=True, angle=None)),
        ("nine-rose-gold", "Nine-pan palette with mirror",
         p(m.palette, 84, 82, metal("rose-gold"), ["ivory", "peach", "nude", "coral", "rose",
           "terracotta", "tan", "berry", "brown"], (3, 3), shimmer=(1, 5))),
        ("twelve-black", "Twelve-pan palette, no lid",
         p(m.palette, 136, 76, satin("black"), ["ivory", "sand", "peach", "ochre", "coral", "rose",
           "mint", "sky", "lilac", "teal", "blue", "plum"], (4, 3), angle=None)),
        ("strip-five-white", "Strip of five with mirror",
         p(m.palette, 128, 38, gloss("white"), ["sand", "nude", "rose", "plum", "smoke"], (5, 1),
           shimmer=(0, 4))),
        ("eight-round-navy", "Eight round pans with mirror",
         p(m.palette, 120, 66, satin("navy"), ["ivory", "peach", "ochre", "terracotta", "sky",
           "blue", "teal", "grey"], (4, 2), round_pans=True, pan_rim="gold")),
        ("quad-blush", "Eye shadow quad, blush case",
         p(m.palette, 64, 62, gloss("blush"), ["ivory", "lilac", "plum", "smoke"], (2, 2),
           shimmer=(1,))),
    ],
    "puff": [
        ("round-peach-ribbon", "Velour puff with ribbon",
         p(m.puff, 30, 9, velour("peach"), ribbon="white", back="ivory")),
        ("round-white-black", "Velour puff, black ribbon",
         p(m.puff, 34, 10, velour("white"), ribbon="black", back="white")),
        ("triangle-nude", "Triangle finger puff",
         p(m.puff, 27, 9, velour("nude"), ribbon="nude", lobes=3, back="tan")),
        ("square-lilac", "Square puff with ribbon",
         p(m.puff, 28, 10, velour("lilac"), ribbon="plum", square=9, back="lilac")),
        ("egg-pink", "Blending sponge", p(m.sponge, 21, 58, velour("rose"))),
        ("egg-mint", "Blending sponge, blunt", p(m.sponge, 22, 50, velour("mint"), point=0.15)),
        ("pad-thick-sand", "Thick powder pad", p(m.puff, 31, 17, velour("sand"), ribbon="brown")),
    ],
    "spatula": [
        ("paddle-clear", "Cream spatula, frosted", p(m.spatula, 62, 5, 11, frosted("aqua"))),
        ("paddle-white", "Cream spatula, white", p(m.spatula, 62, 5, 11, gloss("white"))),
        ("square-black", "Square-ended spatula",
         p(m.spatula, 72, 6, 13, satin("black"), square=True, head_length=0.34)),
        ("spoon-gold", "Metal scoop",
         p(m.spatula, 80, 4, 15, metal("gold"), hollow=3, head_length=0.26, thickness=1.8,
           bend=5)),
        ("double-rose", "Double-ended spatula",
         p(m.spatula, 92, 4.5, 11, metal("rose-gold"), second=8, waist=0.8)),
        ("spoon-wide-sage", "Wide scoop",
         p(m.spatula, 66, 7, 19, satin("sage"), hollow=4, head_length=0.38, thickness=2.6)),
        ("bamboo", "Bamboo spatula",
         p(m.spatula, 88, 8, 14, wood("sand"), head_length=0.36, bend=1)),
    ],
}
# fmt: on
