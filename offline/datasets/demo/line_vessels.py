"""The demo's bottles, jars, powder pots, roll-ons and sticks; every measure in mm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial as p

from offline.datasets.demo import closures as c
from offline.datasets.demo import vessels as v
from offline.datasets.demo.closures import Parts
from offline.datasets.demo.materials import (
    Material,
    clear,
    cream,
    frosted,
    glass,
    gloss,
    metal,
    powder,
    rubber,
    satin,
    wood,
)
from offline.datasets.demo.row import VesselRow


def _screw(height: float, material: Material, ribs: int = 0) -> Callable[[float], Parts]:
    return lambda neck: c.screw_cap(neck, height, material, ribs=ribs)


def _pump(material: Material, spout: float = 26) -> Callable[[float], Parts]:
    return lambda neck: c.pump(neck, 13, material, spout=spout, dip=0, ribs=44)


def _disc(material: Material) -> Callable[[float], Parts]:
    return lambda neck: c.disc_top(neck + 3, 17, material)


def _drop(collar: Material, bulb: Material) -> Callable[[float], Parts]:
    return lambda neck: c.dropper(neck, 13, collar, bulb, pipette=0, bulb_radius=6)


def _flip(material: Material) -> Callable[[float], Parts]:
    return lambda neck: c.flip_top(neck + 4, 12, material, lid=7)


# fmt: off
VESSELS: dict[str, list[VesselRow]] = {
    "bottle": [
        ("boston-amber", "Boston round, amber glass",
         p(v.bottle, 23, 62, glass("amber"), _screw(14, gloss("black"), 40), shoulder=17,
           slope=3)),
        ("boston-cobalt-dropper", "Boston round, cobalt glass, dropper",
         p(v.bottle, 19, 52, glass("cobalt"), _drop(gloss("white"), rubber("white")), shoulder=14,
           neck=8)),
        ("lotion-pump-sage", "Lotion bottle with pump",
         p(v.bottle, 30, 130, satin("sage"), _pump(satin("white"), 32), shoulder=14, neck=11,
           label="ivory")),
        ("lotion-pump-sand", "Lotion bottle with pump, square shoulder",
         p(v.bottle, 30, 130, satin("sand"), _pump(satin("black"), 32), shoulder=5, neck=11)),
        ("oval-shampoo-blush", "Oval shampoo bottle, disc top",
         p(v.bottle, 36, 140, gloss("blush"), _disc(gloss("white")), depth=0.62, shoulder=18,
           neck=11, label="white")),
        ("waisted-teal", "Waisted shower bottle, flip top",
         p(v.bottle, 33, 150, gloss("teal"), _flip(gloss("white")), waist=6, shoulder=14,
           neck=12)),
        ("square-serum", "Square serum bottle, clear glass",
         p(v.bottle, 19, 64, glass("clear"), _screw(20, metal("gold")), corner=4, neck=9,
           shoulder=3, fill=gloss("peach"))),
        ("tapered-navy", "Tapered toner bottle",
         p(v.bottle, 27, 120, gloss("navy"), _screw(30, metal("silver")), taper=0.72, shoulder=7,
           neck=10)),
    ],
    "jar": [
        ("white-50", "Cream jar 50 ml, white",
         p(v.jar, 31, 32, gloss("white"), gloss("white"), lid_height=17)),
        ("white-gold-50", "Cream jar 50 ml, gold lid",
         p(v.jar, 31, 32, gloss("white"), metal("gold"), lid_height=17)),
        ("frosted-bamboo", "Frosted glass jar, bamboo lid",
         p(v.jar, 33, 36, frosted("clear"), wood("sand"), lid_height=14, fill=cream("ivory"))),
        ("amber-black", "Amber glass jar, ribbed lid",
         p(v.jar, 30, 40, glass("amber"), gloss("black"), lid_height=15, ribs=60)),
        ("tapered-blush", "Tapered jar, silver band",
         p(v.jar, 32, 34, satin("blush"), satin("blush"), foot=0.8, band="silver", lid_height=18)),
        ("open-clear", "Clear jar, lid off",
         p(v.jar, 32, 34, clear("clear"), metal("silver"), open_lid=True, fill=cream("white"),
           lid_height=14)),
        ("open-cobalt", "Cobalt glass jar, lid off",
         p(v.jar, 29, 38, glass("cobalt"), gloss("white"), open_lid=True, fill=cream("ivory"),
           lid_height=15)),
        ("domed-lilac", "Jar with domed lid",
         p(v.jar, 30, 30, gloss("lilac"), gloss("white"), lid_height=12, dome=9, fillet=10)),
    ],
    "powder": [
        ("pot-clear-black", "Loose powder pot, black lid",
         p(v.powder_pot, 36, 30, clear("clear"), gloss("black"), powder("nude"))),
        ("pot-clear-gold", "Loose powder pot, gold lid",
         p(v.powder_pot, 36, 30, clear("clear"), metal("gold"), powder("sand"), holes=2)),
        ("pot-wide-white", "Wide powder pot",
         p(v.powder_pot, 43, 26, clear("clear"), satin("white"), powder("blush"), lid_height=14)),
        ("pot-closed-blush", "Loose powder pot, closed",
         p(v.powder_pot, 36, 30, clear("clear"), satin("blush"), powder("peach"), open_lid=False,
           lid_height=17)),
        ("pot-domed-lilac", "Powder pot, domed lid",
         p(v.powder_pot, 34, 28, clear("clear"), gloss("lilac"), powder("ivory"), open_lid=False,
           dome=10, lid_height=11)),
        ("mineral-small", "Mineral powder pot",
         p(v.powder_pot, 25, 27, clear("clear"), gloss("black"), powder("terracotta"), holes=2,
           sifter="black")),
        ("shaker-tall", "Powder shaker",
         p(v.powder_pot, 24, 72, clear("clear"), satin("sage"), powder("white"), holes=2,
           lid_height=22, sifter="white")),
    ],
    "roll-on": [
        ("clear-10-gold", "Roll-on vial 10 ml, gold cap",
         p(v.roll_on, 10, 62, glass("clear"), metal("gold"), metal("silver"),
           fill=gloss("ochre"))),
        ("amber-10-black", "Roll-on vial 10 ml, amber",
         p(v.roll_on, 10, 62, glass("amber"), gloss("black"), metal("silver"), collar="black")),
        ("cobalt-10-silver", "Roll-on vial 10 ml, cobalt",
         p(v.roll_on, 10, 58, glass("cobalt"), metal("silver"), metal("silver"))),
        ("deo-white", "Deodorant roll-on 75 ml",
         p(v.roll_on, 22, 62, gloss("white"), gloss("white"), gloss("white"), neck=0.86,
           cap_height=34, cap_dome=12, collar="sky")),
        ("deo-waist-mint", "Deodorant roll-on, waisted",
         p(v.roll_on, 22, 66, gloss("mint"), gloss("white"), gloss("white"), neck=0.86,
           cap_height=36, cap_dome=8, waist=4, collar="white")),
        ("deo-frosted", "Deodorant roll-on, frosted",
         p(v.roll_on, 21, 60, frosted("aqua"), satin("grey"), gloss("white"), neck=0.84,
           cap_height=30)),
        ("eye-rose", "Eye roll-on 25 ml",
         p(v.roll_on, 12, 74, satin("blush"), metal("rose-gold"), metal("rose-gold"), neck=0.66,
           cap_height=28, collar="blush")),
    ],
    "stick": [
        ("lip-black-gold-red", "Lipstick, black and gold",
         p(v.stick, 9.5, 34, gloss("black"), cream("red"), collar=metal("gold"),
           cap=gloss("black"))),
        ("lip-gold-berry", "Lipstick, gold case",
         p(v.stick, 9.5, 34, metal("gold"), cream("berry"), collar=metal("gold"),
           cap=metal("gold"))),
        ("lip-square-coral", "Square lipstick",
         p(v.stick, 9.5, 36, satin("navy"), cream("coral"), collar=metal("silver"), corner=2,
           cap=satin("navy"))),
        ("lip-rose-slim", "Slim lipstick",
         p(v.stick, 7.5, 40, gloss("blush"), cream("rose"), collar=metal("silver"), rise=14,
           cap=gloss("blush"), cap_height=38)),
        ("deo-oval-white", "Deodorant stick, oval",
         p(v.stick, 30, 92, gloss("white"), cream("ivory"), depth=0.5, bullet_radius=0.88, slant=0,
           rise=16, dome=5)),
        ("balm-mint", "Lip balm stick",
         p(v.stick, 8, 44, gloss("mint"), cream("ivory"), bullet_radius=0.78, slant=0.7, rise=9,
           cap=gloss("white"), cap_height=24)),
        ("foundation-nude", "Foundation stick",
         p(v.stick, 13, 46, satin("black"), cream("nude"), bullet_radius=0.8, slant=0.35, rise=20,
           cap=clear("clear"), cap_height=38)),
    ],
}
# fmt: on
