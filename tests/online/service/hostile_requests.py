"""Requests that people, programs and attackers send and no service wants, made from a seed."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tests.bad_pictures import png_header
from tests.drawn_catalogue import CATEGORIES, package

BOUNDARY = "hostileboundary"
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")
TAILS = (
    b"<script>alert(1)</script>",
    b"<?php system($_GET['c']); ?>",
    b"PK\x03\x04" + b"\0" * 40,
    b"%PDF-1.7\n1 0 obj\n",
    b"\0" * 5000,
)
NO_IMAGES = (
    b"",
    b"\0" * 1000,
    b"<!doctype html><script>alert(1)</script>",
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)' width='9' height='9'/>",
    b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file",
    b"%PDF-1.4\n",
    b"PK\x03\x04",
    b"MZ\x90\0",
    b"\x7fELF",
    b"#!/bin/sh\nrm -rf /\n",
    b"\x1f\x8b\x08" + b"\0" * 20,
    b"GIF89a",
    b"\xff\xd8\xff",
    b"RIFF\xff\xff\xff\xffWEBP",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B",
)
NAMES = (
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/shadow",
    "a\x00.png",
    "%2e%2e%2fa.png",
    "$(reboot).png",
    "`id`.png",
    "';drop table images;--.png",
    "<img src=x onerror=alert(1)>.png",
    "\u202egnp.exe",
    "a" * 5000 + ".png",
    "CON",
    ".",
    "",
)
NUMBERS = ("1e400", "-1e400", "1" + "0" * 400, "NaN", "Infinity", "-1", "0.5", "9" * 5000)
FIELDS = ("k", "offset", "image", "threshold", "box", "weights", "where", "categories", "mask")


@dataclass(frozen=True)
class Hostile:
    """``photo`` is what a decoder may after all find to be an image; None: there is nothing in
    the request that may be answered."""

    kind: str
    content: bytes
    photo: bytes | None = None
    method: str = "POST"
    path: str = "/v1/query"
    headers: Mapping[str, str] = field(default_factory=dict)


def form(*parts: bytes) -> tuple[bytes, Mapping[str, str]]:
    """A body of these parts, each with its own headers, and the header that announces it."""
    mark = f"--{BOUNDARY}\r\n".encode()
    body = b"".join(mark + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def file_part(
    content: bytes, filename: str = "a.png", kind: str = "image/png", name: str = "photo"
) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
    return f"{head}Content-Type: {kind}\r\n\r\n".encode("utf-8", "replace") + content


def request_part(text: str | bytes) -> bytes:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return b'Content-Disposition: form-data; name="request"\r\n\r\n' + content


def hostile_requests(count: int, seed: int, *, writing: bool = False) -> Iterator[Hostile]:
    """Of each kind as many, one after the other. The same seed gives the same requests. Those of
    ``writing`` may hold images that a gallery then has."""
    rng = random.Random(seed)
    kinds = list((WRITING_KINDS if writing else KINDS).items())
    for index in range(count):
        name, make = kinds[index % len(kinds)]
        made = make(rng)
        yield Hostile(name, made.content, made.photo, made.method, made.path, made.headers)


def _photo(content: bytes, filename: str = "a.png", kind: str = "image/png") -> Hostile:
    body, headers = form(file_part(content, filename, kind))
    return Hostile("", body, content, headers=headers)


def _image(rng: random.Random) -> tuple[str, bytes]:
    """A whole small file of some format."""
    pixels = package(rng.choice(CATEGORIES), rng.randrange(9), rng.randrange(4))
    return (name := rng.choice(FORMATS)), _saved(Image.fromarray(pixels), name, rng)


def _saved(image: Image.Image, name: str, rng: random.Random) -> bytes:
    out = io.BytesIO()
    options = {"progressive": True} if name == "JPEG" and rng.random() < 0.3 else {}
    image.save(out, name, **options)
    return out.getvalue()


def _truncated(rng: random.Random) -> Hostile:
    _, whole = _image(rng)
    return _photo(whole[: rng.randrange(len(whole))])


def _mutated(rng: random.Random) -> Hostile:
    data = bytearray(_image(rng)[1])
    for _ in range(rng.choice((1, 3, 30))):
        # Headers are where the lengths are.
        at = rng.randrange(min(len(data), rng.choice((64, 512, len(data)))))
        data[at] = rng.choice((0, 0xFF, 0x7F, 0x80, rng.randrange(256)))
    return _photo(bytes(data))


def _spliced(rng: random.Random) -> Hostile:
    (_, one), (_, other) = _image(rng), _image(rng)
    return _photo(one[: rng.randrange(len(one))] + other[rng.randrange(len(other)) :])


def _bomb(rng: random.Random) -> Hostile:
    makes: tuple[Callable[[random.Random], bytes], ...] = (
        lambda rng: png_header(rng.choice((50_000, 2**31 - 1)), rng.choice((50_000, 2**31 - 1))),
        _png_of_zeros,
        _png_text_bomb,
        _gif_screen,
        _jpeg_of_claims,
        _bmp_of_claims,
        _tiff_of_claims,
        _gif_of_frames,
        lambda rng: rng.randbytes(2**20),
    )
    return _photo(rng.choice(makes)(rng))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, depth: int, *chunks: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IEND", b"")


def _png_of_zeros(rng: random.Random) -> bytes:
    """All of its pixels are there, in a thousandth of the bytes."""
    side = rng.choice((9_000, 30_000))
    packer = zlib.compressobj(9)
    rows = bytes(side // 8 + 1) * 100
    packed = b"".join(packer.compress(rows) for _ in range(side // 100)) + packer.flush()
    return _png(side, side, 1, _chunk(b"IDAT", packed))


def _png_text_bomb(rng: random.Random) -> bytes:
    text = zlib.compress(b"a" * rng.choice((2**20, 2**25)), 9)
    kind = rng.choice((b"zTXt", b"iCCP"))
    pixel = _chunk(b"IDAT", zlib.compress(b"\0\0"))
    return _png(1, 1, 8, _chunk(kind, b"a\0\0" + text), pixel)


def _gif_screen(rng: random.Random) -> bytes:
    screen = struct.pack("<HHBBB", rng.choice((9, 65535)), 65535, 0, 0, 0)
    place = struct.pack("<BHHHHB", 0x2C, 0, 0, 65535, rng.choice((9, 65535)), 0)
    return b"GIF89a" + screen + place + b"\x02\x02\x4c\x01\x00\x3b"


def _jpeg_of_claims(rng: random.Random) -> bytes:
    """A small one whose frame claims to be of another size, or in a thousand scans."""
    data = _saved(Image.fromarray(package("jar", 1)), "JPEG", rng)
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    claimed = struct.pack(">HH", rng.choice((16, 65535)), rng.choice((16, 65535)))
    scan = data.find(b"\xff\xda")
    scans = data[scan:-2] * rng.choice((1, 1000))
    return data[:at] + claimed + data[at + 4 : scan] + scans + data[-2:]


def _bmp_of_claims(rng: random.Random) -> bytes:
    data = bytearray(_saved(Image.fromarray(package("jar", 1)), "BMP", rng))
    data[18:26] = struct.pack("<ii", rng.choice((-1, 2**31 - 1, 60_000)), rng.choice((1, 60_000)))
    return bytes(data)


def _tiff_of_claims(rng: random.Random) -> bytes:
    """Entries for size, strips and counts, each with a value of its own choice."""
    tags = (256, 257, 258, 259, 262, 273, 277, 278, 279, 322, 323, 324, 325)
    values = (0, 1, 8, 60_000, 2**31, 2**32 - 1)
    count = (1, 1, 1, 2**31)
    entries = b"".join(
        struct.pack("<HHII", tag, rng.choice((3, 4, 13)), rng.choice(count), rng.choice(values))
        for tag in tags
    )
    onwards = rng.choice((0, 8))  # 8: the directory follows itself
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", onwards)


def _gif_of_frames(rng: random.Random) -> bytes:
    frames = [Image.new("L", (8, 8), index % 256) for index in range(rng.choice((2, 300)))]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def _odd_image(rng: random.Random) -> Hostile:
    """Whole, and of a shape that nothing is made for."""
    width, height = rng.choice(((1, 1), (1, 5000), (5000, 1), (2, 3), (7, 1)))
    pixels = np.full((height, width, 3), rng.randrange(256), np.uint8)
    image = Image.fromarray(pixels).convert(rng.choice(("RGB", "L", "1", "P", "RGBA", "LA")))
    return _photo(_saved(image, rng.choice(("PNG", "TIFF")), rng))


def _polyglot(rng: random.Random) -> Hostile:
    name, whole = _image(rng)
    tail = rng.choice(TAILS)
    kind = rng.choice(("text/html", "image/svg+xml", "application/x-php", "image/png", "x"))
    joined = tail + whole if rng.random() < 0.3 else whole + tail
    return _photo(joined, f"a.{name.lower()}", kind)


def _no_image(rng: random.Random) -> Hostile:
    data = rng.choice(NO_IMAGES) + (rng.randbytes(rng.randrange(99)) if rng.random() < 0.5 else b"")
    return _photo(data, rng.choice(("a.png", "a.jpg", "a.heic")), rng.choice(("image/png", "")))


def _named_to_climb(rng: random.Random) -> Hostile:
    _, whole = _image(rng)
    return _photo(whole if rng.random() < 0.2 else b"x", rng.choice(NAMES))


def _bad_form(rng: random.Random) -> Hostile:
    image = file_part(_saved(Image.fromarray(package("jar", 1)), "PNG", rng))
    body, headers = form(image)
    kind = "multipart/form-data"
    makes: tuple[tuple[bytes, Mapping[str, str]], ...] = (
        (body, {}),
        (body, {"content-type": kind}),
        (body, {"content-type": f"{kind}; boundary=another"}),
        (body, {"content-type": f"{kind}; boundary="}),
        (body, {"content-type": f"{kind}; boundary={'b' * 3000}"}),
        (body, {"content-type": "application/json"}),
        (body, {"content-type": "application/x-www-form-urlencoded"}),
        (body, {"content-type": "text/plain"}),
        (body, {"content-type": "application/octet-stream"}),
        (body, {"content-type": "multipart/mixed; boundary=hostileboundary"}),
        (body, {"content-type": "\u00ff\u00fe"}),
        (body[: len(body) // 2], headers),
        (body[:-20], headers),
        (b"", headers),
        form(*[image] * 70),
        form(*[request_part("{}")] * 70),
        form(request_part("{}")),
        form(request_part("{}"), request_part("{}"), request_part('{"k":3}')),
        form(b'Content-Disposition: form-data; name="photo"\r\n\r\nno file'),
        form(b"Content-Disposition: form-data\r\n\r\nx"),
        form(b"\r\n\r\nx"),
        form(b"X-" + b"a" * 20_000 + b": b\r\n\r\nx"),
        form(b"".join(b"X-%d: a\r\n" % index for index in range(2000)) + b"\r\nx"),
        form(b'Content-Disposition: form-data; name="\xff\xfe"; filename="\xff"\r\n\r\nx'),
        form(image, request_part(b"\xff\xfe\x00")),
        form(request_part(b"x" * 2**21)),
        form(file_part(body, "a", headers["content-type"])),
    )
    content, headers = rng.choice(makes)
    # A photo that arrives whole in an odd form may be answered.
    return Hostile("", content, b"", headers=headers)


def _request(text: str | bytes, rng: random.Random) -> Hostile:
    """Beside a whole photo, or alone as JSON."""
    photo = _saved(Image.fromarray(package("jar", 1)), "PNG", rng)
    if rng.random() < 0.5:
        body, headers = form(file_part(photo), request_part(text))
        return Hostile("", body, headers=headers)
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return Hostile("", content, headers={"content-type": "application/json"})


def _deep_json(rng: random.Random) -> Hostile:
    depth = rng.choice((100, 1000, 100_000))
    text = rng.choice(
        (
            "[" * depth,
            "[" * depth + "]" * depth,
            '{"where":' * depth,
            '{"where":' + "[" * depth + "]" * depth + "}",
            '{"a":' * depth + "1" + "}" * depth,
        )
    )
    return _request(text, rng)


def _wrong_json(rng: random.Random) -> Hostile:
    name = rng.choice(FIELDS)
    value = rng.choice(({}, {"a": 1}, "x", [[[]]], [{}], -5, 2**70, [1, 2], "\x00", True))
    if (name, value) == ("mask", True):
        value = "x"
    found: object = rng.choice(
        ({name: value}, {name.upper(): 1}, {"__proto__": {}}, {"url": "file:///etc/passwd"}, [], 3)
    )
    texts = (json.dumps(found), f'{{"{name}":', "{'k': 3}", '{"k": 3}{"k": 4}', "\ud800", "null")
    return _request(rng.choice((texts[0], *texts)), rng)


def _huge_number(rng: random.Random) -> Hostile:
    number = rng.choice(NUMBERS)
    name = rng.choice(("k", "offset", "image", "box"))
    value = f"[0,0,{number},{number}]" if name == "box" else number
    return _request(f'{{"{name}":{value}}}', rng)


def _bad_text(rng: random.Random) -> Hostile:
    broken = rng.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80"))
    whole = rng.choice((b'{"categories":["%s"]}', b'{"%s":1}', b"%s", b'{"url":"%s"}')) % broken
    return _request(whole, rng)


def _climbing_path(rng: random.Random) -> Hostile:
    climbs = rng.choice(
        ("../", "..%2f", "%2e%2e/", "..%5c", "%252e%252e%252f", "..;/", "%00", "%ff")
    )
    start = rng.choice(("/v1/images/", "/v1/products/", "/v1/images/1/", "/", "/v1/jobs/"))
    end = rng.choice(("etc/passwd", "gallery.sqlite", "1", "1/thumbnail"))
    return Hostile("", b"", method="GET", path=start + climbs * rng.randrange(1, 9) + end)


def _bad_parameter(rng: random.Random) -> Hostile:
    path, name = rng.choice(
        (
            ("/v1/images/1/thumbnail", "side"),
            ("/v1/products", "limit"),
            ("/v1/products", "where"),
            ("/v1/products", "after"),
            ("/v1/products", "gallery"),
            ("/v1/categories", "gallery"),
            ("/v1/attributes", "gallery"),
            ("/v1/images/1", "gallery"),
        )
    )
    value = rng.choice(
        ("-1", "1e9", "9" * 400, "%00", "%ff%fe", "..%2f..%2fetc", "x" * 5000, "%5B" * 999)
    )
    return Hostile("", b"", b"", method="GET", path=f"{path}?{name}={value}")


def _unknown_image(rng: random.Random) -> Hostile:
    name = rng.choice(
        ("-1", "99999999", "9" * 30, "1.5", "0x1", "1e3", "%31%30%30%30%30", "\u0661", "a")
    )
    end = rng.choice(("", "/thumbnail"))
    return Hostile("", b"", method="GET", path=f"/v1/images/{name}{end}")


def _wrong_method(rng: random.Random) -> Hostile:
    method = rng.choice(("PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "X" * 50))
    return Hostile("", b"x" * rng.choice((0, 10)), method=method, path="/v1/query")


def _wrong_mask_or_batch(rng: random.Random) -> Hostile:
    made = rng.choice((_truncated, _bomb, _no_image, _bad_form, _deep_json))(rng)
    path = rng.choice(("/v1/mask", "/v1/query:batch"))
    # A batch answers 200 and has a problem in place of each answer.
    photo = b"" if path == "/v1/query:batch" else made.photo
    return Hostile("", made.content, photo, path=path, headers=made.headers)


def _written_image(rng: random.Random) -> Hostile:
    made = rng.choice((_truncated, _mutated, _spliced, _bomb, _no_image, _polyglot))(rng)
    name = rng.choice(NAMES[:4])
    body, headers = form(file_part(made.photo or b"", name, name="image"))
    method, path = rng.choice((("PUT", "hostile"), ("POST", "hostile/images")))
    return Hostile("", body, made.photo, method, f"/v1/products/{path}", headers)


def _written_form(rng: random.Random) -> Hostile:
    made = rng.choice((_bad_form, _deep_json, _wrong_json, _huge_number, _bad_text))(rng)
    # Its photo is no part that is known here, and nothing else is an image.
    return Hostile("", made.content, None, "PUT", "/v1/products/hostile", made.headers)


def _written_name(rng: random.Random) -> Hostile:
    image = _saved(Image.fromarray(package("jar", 1)), "PNG", rng)
    body, headers = form(file_part(image, name="image"))
    names = ("..", "%2e%2e", "a%00", "%ff", "a%0ab", "..%2f..%2fetc", "x" * 5000, "%1b%5b2J", "")
    return Hostile("", body, None, "PUT", f"/v1/products/{rng.choice(names)}", headers)


def _written_filter(rng: random.Random) -> Hostile:
    values = ("", "x", "[", "%5B%5D", "%5B%5B%5D%5D", "%7B%7D", "null", "1e400", "%ff", "[" * 5000)
    path = f"/v1/products?where={rng.choice(values)}"
    return Hostile("", b"", method="DELETE", path=path)


WRITING_KINDS: dict[str, Callable[[random.Random], Hostile]] = {
    "written image": _written_image,
    "written form": _written_form,
    "written name": _written_name,
    "written filter": _written_filter,
}
KINDS: dict[str, Callable[[random.Random], Hostile]] = {
    "truncated": _truncated,
    "mutated": _mutated,
    "spliced": _spliced,
    "bomb": _bomb,
    "odd image": _odd_image,
    "polyglot": _polyglot,
    "no image": _no_image,
    "named to climb": _named_to_climb,
    "bad form": _bad_form,
    "deep JSON": _deep_json,
    "wrong JSON": _wrong_json,
    "huge number": _huge_number,
    "bad text": _bad_text,
    "climbing path": _climbing_path,
    "bad parameter": _bad_parameter,
    "unknown image": _unknown_image,
    "wrong method": _wrong_method,
    "mask or batch": _wrong_mask_or_batch,
}
