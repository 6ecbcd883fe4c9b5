"""The demo's caps, droppers, nozzles and pumps; every measure in mm."""

from __future__ import annotations

from functools import partial as p

from offline.datasets.demo import closures as c
from offline.datasets.demo.materials import gloss, metal, rubber, satin, wood
from offline.datasets.demo.row import Row

# fmt: off
CAPS: dict[str, list[Row]] = {
    "cap-general": [
        ("smooth-white-24", "Screw cap 24, smooth", p(c.screw_cap, 13, 16, gloss("white"))),
        ("ribbed-black-24", "Screw cap 24, ribbed",
         p(c.screw_cap, 13, 16, gloss("black"), ribs=50)),
        ("ribbed-white-28", "Screw cap 28, ribbed",
         p(c.screw_cap, 15.5, 14, gloss("white"), ribs=64)),
        ("metal-gold-24", "Metal-shelled cap, gold",
         p(c.screw_cap, 13, 22, metal("gold"), edge=0.7)),
        ("tall-black-band", "Tall cap, silver band",
         p(c.screw_cap, 12, 32, gloss("black"), band="silver")),
        ("domed-coral", "Domed cap", p(c.screw_cap, 14, 11, gloss("coral"), dome=8)),
        ("tapered-bamboo", "Tapered wooden cap", p(c.screw_cap, 14, 26, wood("tan"), waist=0.82)),
    ],
    "cap-one-touch": [
        ("white-open", "Flip-top cap, open", p(c.flip_top, 14, 15, gloss("white"), angle=112)),
        ("white-closed", "Flip-top cap, closed", p(c.flip_top, 14, 15, gloss("white"))),
        ("black-half", "Flip-top cap, half open",
         p(c.flip_top, 15, 16, satin("black"), angle=68, lid=9)),
        ("sky-domed-open", "Domed flip top, open",
         p(c.flip_top, 18, 16, gloss("sky"), angle=105, lid=9, dome=5)),
        ("oval-green-open", "Oval flip top, open",
         p(c.flip_top, 22, 16, gloss("green"), angle=104, oval=0.6, lid=8)),
        ("duo-red-white", "Two-colour flip top",
         p(c.flip_top, 15, 14, gloss("white"), angle=92, lid=8, lid_material=gloss("red"))),
        ("stepped-ochre", "Stepped flip top",
         p(c.flip_top, 17, 13, gloss("ochre"), angle=118, lid=8, step=1.5)),
    ],
    "cap-press": [
        ("white-smooth", "Disc-top cap, pressed", p(c.disc_top, 13.5, 19, gloss("white"), tilt=15)),
        ("white-ribbed", "Disc-top cap, ribbed",
         p(c.disc_top, 13.5, 19, gloss("white"), tilt=15, ribs=50)),
        ("black-smooth", "Disc-top cap, black", p(c.disc_top, 14, 20, satin("black"), tilt=16)),
        ("duo-teal", "Disc-top cap, two colours",
         p(c.disc_top, 15, 20, gloss("white"), tilt=14, disc=gloss("teal"))),
        ("silver-shell", "Disc-top cap, metal shell",
         p(c.disc_top, 14, 22, metal("silver"), tilt=15, disc=gloss("black"))),
        ("wide-coral", "Wide disc-top cap", p(c.disc_top, 20, 18, gloss("coral"), tilt=12)),
        ("tapered-lilac", "Tapered disc-top cap, flush",
         p(c.disc_top, 16, 22, gloss("lilac"), tilt=0, waist=0.85, disc=gloss("plum"))),
    ],
    "cap-dropper": [
        ("black-ribbed", "Dropper, black, ribbed collar",
         p(c.dropper, 10, 14, gloss("black"), rubber("black"), ribs=40)),
        ("white-gold", "Dropper, gold collar",
         p(c.dropper, 10, 15, metal("gold"), rubber("white"))),
        ("black-silver", "Dropper, silver collar",
         p(c.dropper, 10, 15, metal("silver"), rubber("black"), pipette=72)),
        ("wide-white", "Wide dropper, smooth collar",
         p(c.dropper, 13, 16, gloss("white"), rubber("white"), bulb_radius=9, bulb_height=32)),
        ("blush-rose-gold", "Dropper, blush bulb",
         p(c.dropper, 10, 20, metal("rose-gold"), rubber("blush"), pipette=64)),
        ("button-white-silver", "Push-button dropper",
         p(c.dropper, 12, 22, metal("silver"), gloss("white"), button=True, bulb_height=9,
           bulb_radius=8)),
        ("short-terracotta", "Short dropper, amber glass",
         p(c.dropper, 10, 13, gloss("black"), rubber("terracotta"), pipette=40, glass="amber",
           bulb_height=22)),
    ],
    "cap-sharp": [
        ("long-red", "Pointed spout cap", p(c.nozzle, 12, 13, gloss("red"), ribs=44, length=38)),
        ("long-white", "Pointed spout cap, white",
         p(c.nozzle, 12, 13, gloss("white"), ribs=44, length=38, tip_cap="red")),
        ("short-black", "Short pointed cap",
         p(c.nozzle, 13, 12, gloss("black"), length=20, foot=0.75)),
        ("ogive-silver", "Ogive cap, metal",
         p(c.nozzle, 12, 14, metal("silver"), ogive=1.0, foot=0.9, length=34, tip=1)),
        ("needle-blue", "Needle-tip applicator",
         p(c.nozzle, 11, 13, gloss("white"), foot=0.35, length=34, tip=0.9, tip_cap="blue",
           ribs=40)),
        ("stepped-yellow", "Stepped nozzle",
         p(c.nozzle, 13, 13, gloss("yellow"), ribs=46, steps=2, length=36)),
        ("twist-natural", "Twist-tip cap, frosted",
         p(c.nozzle, 13, 14, satin("ivory"), foot=0.7, length=28, tip=2.4, tip_cap="black")),
    ],
    "cap-pump": [
        ("lotion-white", "Lotion pump, white", p(c.pump, 14, 14, gloss("white"), ribs=48)),
        ("lotion-black", "Lotion pump, black", p(c.pump, 14, 14, satin("black"), ribs=48)),
        ("lotion-gold", "Lotion pump, gold collar",
         p(c.pump, 14, 15, metal("gold"), head=gloss("white"), spout=30, drop=8)),
        ("swan-silver", "Long-necked soap pump",
         p(c.pump, 15, 12, metal("silver"), spout=42, drop=9, stem=20, head_radius=7)),
        ("foam-sky", "Foaming pump",
         p(c.pump, 21, 14, gloss("sky"), head=gloss("white"), head_radius=15, head_height=14,
           spout=24, sleeve=True, stem=10, drop=1)),
        ("treatment-blush", "Treatment pump",
         p(c.pump, 11, 16, metal("rose-gold"), head=satin("blush"), head_radius=7.5,
           head_height=10, spout=13, drop=0, stem=6, dip=40)),
        ("stepped-green", "Pump with stepped collar",
         p(c.pump, 16, 11, gloss("green"), collar_step=7, spout=28, ribs=50)),
    ],
}
# fmt: on
