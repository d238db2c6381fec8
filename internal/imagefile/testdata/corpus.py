"""Writes pictures of all kinds into the folder argv[1], and into corpus.json
what Pillow reads in them. The bytes of NAME.rgb are their pixels, turned and
over black. The kind tells how they are compared: "" are equal, "jpeg" and
"sampled" nearly so, and other texts, divided by |, are parts of the reasons for
which the picture is refused."""

import io
import json
import os
import struct
import sys
import zlib

from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

out, cases = sys.argv[1], []


def picture(mode, w=37, h=23):
    """A picture with gradients and edges in all channels."""
    rgba = Image.new("RGBA", (w, h))
    put = rgba.putpixel
    for y in range(h):
        for x in range(w):
            put((x, y), (x * 6 % 256, y * 11 % 256, (x * y) % 256 if x > y else 200, min(255, x * 8)))
    if mode in ("L", "LA", "1", "I;16"):
        gray = rgba.convert("L")
        if mode == "LA":
            gray.putalpha(rgba.getchannel("A"))
        elif mode == "1":
            gray = gray.convert("1")
        elif mode == "I;16":
            gray = Image.frombytes("I;16", (w, h), b"".join(struct.pack("<H", 257 * v ^ 0x5a) for v in gray.tobytes()))
        return gray
    if mode == "P":
        return rgba.convert("RGB").quantize(60)
    return rgba.convert(mode) if mode != "RGBA" else rgba


def pixels(data):
    """What Pillow reads: size, whether it is gray, the pixels."""
    m = Image.open(io.BytesIO(data))
    m.load()
    m = ImageOps.exif_transpose(m)
    gray = m.mode in ("1", "L", "LA", "I;16", "I;16B", "I")
    if m.mode.startswith("I"):
        high = bytes(m.getpixel((x, y)) >> 8 for y in range(m.height) for x in range(m.width))
        m = Image.frombytes("L", m.size, high)
    if m.mode in ("P", "PA"):
        used = {c for n, c in m.convert("RGBA").getcolors(1 << 16) if c[3] > 0}
        gray = all(r == g == b for r, g, b, a in used)
    rgba = m.convert("RGBA")
    rgb = Image.alpha_composite(Image.new("RGBA", m.size, (0, 0, 0, 255)), rgba).convert("RGB")
    return m.size, gray, rgb.tobytes()


def add(name, data, kind=""):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)
    try:
        (w, h), gray, rgb = pixels(data)
        with open(os.path.join(out, name + ".rgb"), "wb") as f:
            f.write(rgb)
        cases.append({"name": name, "width": w, "height": h, "gray": gray, "kind": kind})
    except Exception as e:
        cases.append({"name": name, "pillow": type(e).__name__ + ": " + str(e), "kind": kind})


def saved(m, form, **how):
    b = io.BytesIO()
    m.save(b, form, **how)
    return b.getvalue()


def directory(order, entries):
    """A TIFF directory of (tag, type, value)."""
    e = "<" if order == "II" else ">"
    b = order.encode() + struct.pack(e + "HIH", 42, 8, len(entries))
    for tag, kind, value in entries:
        b += struct.pack(e + "HHI", tag, kind, 1)
        b += struct.pack(e + {1: "Bxxx", 3: "Hxx", 4: "I", 6: "bxxx", 8: "hxx", 9: "i", 2: "Bxxx"}[kind], value)
    return b + struct.pack(e + "I", 0)


def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_parts(data):
    at, parts = 8, []
    while at < len(data):
        n, = struct.unpack(">I", data[at:at + 4])
        parts.append((data[at + 4:at + 8], data[at + 8:at + 8 + n]))
        at += 12 + n
    return parts


def png_of(parts):
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(k, d) for k, d in parts)


def png_raw(w, h, depth, kind, rows, interlace=0, extra=b"", more=()):
    head = struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, interlace)
    return png_of([(b"IHDR", head), *more, (b"IDAT", zlib.compress(rows + extra)), (b"IEND", b"")])


def adam7(m, size):
    """The rows of an interlaced PNG of 8-bit samples, size bytes a pixel."""
    (w, h), data, rows = m.size, m.tobytes(), b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, h, dy):
            if x0 < w:
                rows += b"\0" + b"".join(data[(y * w + x) * size:(y * w + x + 1) * size] for x in range(x0, w, dx))
    return rows


def png():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        add("png-%s.png" % mode.replace(";", "_"), saved(picture(mode), "PNG"))
    for bits in (1, 2, 4):
        add("png-P%d.png" % bits, saved(picture("RGB").quantize(1 << bits), "PNG", bits=bits))
    add("png-P-gray.png", saved(picture("L").quantize(16), "PNG"))
    add("png-P-alpha.png", saved(picture("P"), "PNG", transparency=bytes(range(0, 240, 4))))
    add("png-P-clear.png", saved(picture("P"), "PNG", transparency=3))
    unused = picture("L").convert("P")
    unused.putpalette([v for i in range(256) for v in ((i, i, i) if i < 255 else (255, 0, 0))])
    unused = unused.point(lambda v: min(v, 254))
    add("png-P-unused-colour.png", saved(unused, "PNG"))
    add("png-P-clear-colour.png", saved(unused.point(lambda v: 255 if v < 60 else v), "PNG", transparency=255))
    add("png-L-clear.png", saved(picture("L"), "PNG", transparency=picture("L").getpixel((5, 5))))
    add("png-RGB-clear.png", saved(picture("RGB"), "PNG", transparency=picture("RGB").getpixel((5, 5))))
    rows = b"".join(b"\0" + bytes(range(y, y + 6 * 9)) for y in range(7))
    add("png-RGB16.png", png_raw(9, 7, 16, 2, rows))
    rows = b"".join(b"\0" + bytes(range(y, y + 8 * 9)) for y in range(7))
    add("png-RGBA16.png", png_raw(9, 7, 16, 6, rows))
    for depth in (1, 2, 4):
        rows = b"".join(b"\0" + bytes((y * 37 + x) % 256 for x in range((9 * depth + 7) // 8)) for y in range(7))
        add("png-L%d.png" % depth, png_raw(9, 7, depth, 0, rows))
    for mode, kind, size in (("L", 0, 1), ("RGB", 2, 3), ("LA", 4, 2), ("RGBA", 6, 4)):
        m = picture(mode)
        add("png-interlaced-%s.png" % mode, png_raw(*m.size, 8, kind, adam7(m, size), 1))
        add("png-interlaced-more-%s.png" % mode, png_raw(*m.size, 8, kind, adam7(m, size), 1, b"more pixels"))
    m = picture("RGB", 3, 1)
    add("png-interlaced-small.png", png_raw(3, 1, 8, 2, adam7(m, 3), 1, b"more"))


def png_odd():
    plain = png_parts(saved(picture("RGB"), "PNG"))
    for o in range(1, 9):
        for order in ("II", "MM"):
            exif = (b"eXIf", directory(order, [(0x112, 3 + o % 2, o)]))
            add("png-exif-before-%d%s.png" % (o, order), png_of([plain[0], exif, *plain[1:]]))
            add("png-exif-after-%d%s.png" % (o, order), png_of([*plain[:-1], exif, plain[-1]]))
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<a tiff:Orientation="6"/>'
    add("png-xmp.png", png_of([plain[0], (b"iTXt", xmp), *plain[1:]]))
    exif = b"Exif\0\0" + directory("MM", [(0x112, 3, 6)])
    profile = b"\nexif\n%8d\n%s\n%s\n" % (len(exif), exif[:12].hex().encode(), exif[12:].hex().encode())
    xmp = b'tiff:Orientation="" <x tiff:Orientation="8"/>'
    for name, *chunks in (
        ("profile", (b"tEXt", b"Raw profile type exif\0" + profile)), ("profile-z", (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))),
        ("profile-i", (b"iTXt", b"Raw profile type exif\0\1\0en\0\0" + zlib.compress(profile))),
        ("profile-short", (b"tEXt", b"Raw profile type exif\0exif\n12")), ("profile-APP1", (b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile))),
        ("profile-and-chunk", (b"tEXt", b"Raw profile type exif\0" + profile), (b"eXIf", directory("II", [(0x112, 3, 3)]))),
        ("xmp-z", (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))), ("xmp-language", (b"iTXt", b"XML:com.adobe.xmp\0\0\0en\0key\0" + xmp)),
        ("xmp-text", (b"tEXt", b"XML:com.adobe.xmp\0" + xmp)), ("xmp-zero", (b"tEXt", b"XML:com.adobe.xmp\0" + xmp), (b"eXIf", directory("II", [(0x112, 3, 0)]))),
    ):
        add("png-%s.png" % name, png_of([plain[0], *chunks, *plain[1:]]))
    for mode, kind in (("L", b"PLTE"), ("LA", b"PLTE"), ("LA", b"tRNS"), ("RGBA", b"tRNS")):
        p = png_parts(saved(picture(mode), "PNG"))
        add("png-odd-%s-%s.png" % (mode, kind.decode()), png_of([p[0], (kind, b"abcdef"), *p[1:]]))
    add("png-exif-api.png", saved(picture("RGB"), "PNG", exif=b"Exif\0\0" + directory("MM", [(0x112, 3, 6)])))
    for mode in ("RGB", "P", "1"):
        p = png_parts(saved(picture(mode), "PNG"))
        i = [k for k, d in p].index(b"IDAT")
        longer = zlib.compress(zlib.decompress(p[i][1]) + b"more than the size asks for")
        add("png-more-%s.png" % mode, png_of([*p[:i], (b"IDAT", longer), *p[i + 1:]]))
        add("png-behind-%s.png" % mode, png_of([*p[:i], (b"IDAT", p[i][1] + b"behind"), *p[i + 1:]]))
        add("png-another-%s.png" % mode, png_of([*p[:i + 1], (b"IDAT", b"another"), *p[i + 1:]]))
        add("png-split-%s.png" % mode, png_of([*p[:i], (b"IDAT", p[i][1][:9]), (b"IDAT", b""), (b"IDAT", p[i][1][9:]), *p[i + 1:]]))
        add("png-no-end-%s.png" % mode, png_of(p[:-1]))
    add("png-trailing.png", png_of(plain) + b"and more")
    add("png-cut.png", png_of(plain)[:len(png_of(plain)) // 2], "unexpected EOF|not enough pixel data")
    film = [picture("RGB"), picture("RGB").rotate(180)]
    add("png-animated.apng", saved(film[0], "PNG", save_all=True, append_images=film[1:]))


def exif_cases(plain):
    """JPEG files with Exif in all places and forms."""
    head = b"Exif\0\0"
    for o in range(1, 9):
        for order in ("II", "MM"):
            for kind in (3, 4):
                yield "%d-%s-%d" % (o, order, kind), segment(0xE1, head + directory(order, [(0x10F, 2, 65), (0x112, kind, o)]))
    turned = head + directory("MM", [(0x112, 3, 6)])
    for kind in (1, 6, 8, 9):
        yield "type-%d" % kind, segment(0xE1, head + directory("II", [(0x112, kind, 6)]))
    yield "fill", b"\xff\xff\xff" + segment(0xE1, turned)
    yield "junk", segment(0xFE, b"") + b"\0\1\2" + segment(0xE1, turned)
    yield "later", segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xFE, b"comment") + segment(0xED, b"Photoshop 3.0\0") + segment(0xE1, turned)
    yield "xmp-first", segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>") + segment(0xE1, turned)
    yield "two", segment(0xE1, turned) + segment(0xE1, head + directory("II", [(0x112, 3, 3)]))
    yield "empty-first", segment(0xE1, head) + segment(0xE1, turned)
    yield "split", segment(0xE1, turned[:20]) + segment(0xE1, head + turned[20:])
    yield "last-counts", segment(0xE1, head + directory("II", [(0x112, 3, 6), (0x112, 3, 3)]))
    yield "nine", segment(0xE1, head + directory("II", [(0x112, 3, 9)]))
    yield "none", segment(0xE1, head + directory("II", [(0x112, 3, 0)]))
    yield "swapped-magic", segment(0xE1, head + b"MM*\0" + directory("MM", [(0x112, 3, 6)])[4:])
    yield "cut", segment(0xE1, (head + directory("II", [(0x112, 3, 6), (0x11A, 3, 6)]))[:-10])
    yield "two-values", segment(0xE1, head + b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x112, 3, 2, 6, 6) + b"\0\0\0\0")
    for o, text in ((6, '<a tiff:Orientation="6"/>'), (3, "<tiff:Orientation>3</tiff:Orientation>"), (9, 'tiff:Orientation="9"'), (0, "tiff:Orientation = 6")):
        yield "xmp-%d" % o, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode())
    yield "xmp-second", segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0tiff:Orientation="x" <tiff:Orientation>8<')
    yield "xmp-and-nine", segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0tiff:Orientation="8"') + segment(0xE1, head + directory("II", [(0x112, 3, 9)]))
    yield "xmp-and-exif", segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0tiff:Orientation="8"') + segment(0xE1, turned)
    yield "far", segment(0xE1, head + b"MM\0*" + struct.pack(">I", 1000) + bytes(992) + directory("MM", [(0x112, 3, 8)])[8:])


def jpeg():
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            add("jpeg-%s-%d.jpg" % (mode, progressive), saved(picture(mode), "JPEG", quality=95, progressive=progressive), "sampled" if mode == "RGB" else "jpeg")
    for s in ("4:4:4", "4:2:2", "4:2:0"):
        add("jpeg-%s.jpg" % s.replace(":", ""), saved(picture("RGB"), "JPEG", quality=95, subsampling=s), "jpeg" if s == "4:4:4" else "sampled")
    add("jpeg-rgb.jpe", saved(picture("RGB"), "JPEG", quality=95, keep_rgb=True), "jpeg")
    add("jpeg-restart.jfif", saved(picture("RGB"), "JPEG", quality=95, restart_marker_rows=1), "sampled")
    plain = saved(picture("RGB"), "JPEG", quality=95, subsampling=0)
    add("jpeg-no-end.jpg", plain[:-2], "jpeg")
    cmyk = saved(picture("CMYK"), "JPEG", quality=95)
    adobe = cmyk.index(b"\xff\xee")
    add("jpeg-CMYK-plain.jpg", cmyk[:adobe] + cmyk[adobe + 16:], "jpeg")
    add("jpeg-trailing.jpg", plain + b"and more", "jpeg")
    add("jpeg-cut.jpg", plain[:len(plain) // 2], "short Huffman data")
    for name, exif in exif_cases(plain):
        add("jpeg-exif-%s.jpg" % name, plain[:2] + exif + plain[2:], "jpeg")
    frame = plain.index(b"\xff\xc0")
    sampling = frame + 11
    for name, at, value, why in (
        ("arithmetic", frame + 1, 0xC9, "arithmetic-coded"), ("lossless", frame + 1, 0xC3, "lossless"),
        ("hierarchical", frame + 1, 0xC5, "hierarchical"), ("12-bit", frame + 4, 12, "12 bits"),
        ("3x1", sampling, 0x31, "sampling"), ("chroma", sampling + 6, 0x12, "sampling"),
    ):
        add("jpeg-%s.jpg" % name, plain[:at] + bytes([value]) + plain[at + 1:], why)


def gif():
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        for interlace in (0, 1):
            add("gif-%s-%d.gif" % (mode, interlace), saved(picture(mode), "GIF", interlace=interlace))
    add("gif-clear.gif", saved(picture("P"), "GIF", transparency=7))
    film = [picture("P"), picture("P").rotate(180)]
    add("gif-animated.gif", saved(film[0], "GIF", save_all=True, append_images=film[1:], duration=50))
    # A small GIF by hand: 4×2 pixels of 4 colours, uncompressed codes.
    def by_hand(canvas, frame, table=None, local=None, data=None, before=b"", behind=b";"):
        gray = bytes(v for i in range(4) for v in (85 * i,) * 3)
        table = gray if table is None else table
        b = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80 | 1 if table else 0, 0, 0) + table + before
        b += b"," + struct.pack("<HHHHB", *frame, 0x80 | 1 if local else 0) + (local or b"")
        codes, bits, n = 0, 0, 0
        for c in [4, 0, 1, 4, 2, 3, 4, 3, 2, 4, 1, 0, *(data or ()), 5]:
            codes |= c << bits
            bits += 3
        codes = codes.to_bytes((bits + 7) // 8, "little")
        return b + b"\2" + bytes([len(codes)]) + codes + b"\0" + behind
    coloured = bytes((255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0))
    add("gif-gray.gif", by_hand((4, 2), (0, 0, 4, 2)))
    add("gif-local.gif", by_hand((4, 2), (0, 0, 4, 2), local=coloured))
    add("gif-local-only.gif", by_hand((4, 2), (0, 0, 4, 2), table=b"", local=coloured))
    add("gif-gray-local.gif", by_hand((4, 2), (0, 0, 4, 2), table=coloured, local=bytes(v for i in range(4) for v in (60 * i,) * 3)))
    add("gif-beyond.gif", by_hand((3, 1), (0, 0, 4, 2)))
    add("gif-no-canvas.gif", by_hand((0, 0), (0, 0, 4, 2)))
    add("gif-more.gif", by_hand((4, 2), (0, 0, 4, 2), data=(4, 1, 1, 4, 1, 1)))
    add("gif-no-end.gif", by_hand((4, 2), (0, 0, 4, 2), behind=b""))
    add("gif-junk.gif", by_hand((4, 2), (0, 0, 4, 2), before=b"\0\0"))
    add("gif-unknown-extension.gif", by_hand((4, 2), (0, 0, 4, 2), before=b"!\x77\3abc\0"))
    add("gif-comment.gif", by_hand((4, 2), (0, 0, 4, 2), before=b"!\xfe\3abc\0"))
    add("gif-cut.gif", saved(picture("P"), "GIF")[:600], "not enough image data|unexpected EOF")


def webp():
    for mode in ("RGB", "RGBA", "L"):
        for how in ({"lossless": True}, {"quality": 90}, {"quality": 20, "method": 6}, {"lossless": True, "exact": True, "method": 0}):
            add("webp-%s-%s.webp" % (mode, "-".join(map(str, how.values()))), saved(picture(mode), "WEBP", **how))
    add("webp-alpha.webp", saved(picture("RGBA"), "WEBP", quality=80, alpha_quality=30))
    for w, h in ((1, 1), (2, 1), (1, 3), (16, 16), (17, 33)):
        add("webp-%dx%d.webp" % (w, h), saved(picture("RGB", w, h), "WEBP", quality=70))
    for o in range(1, 9):
        exif = directory("II" if o % 2 else "MM", [(0x112, 3 + o % 2, o)])
        add("webp-exif-%d.webp" % o, saved(picture("RGB"), "WEBP", quality=90, exif=(b"Exif\0\0" if o < 5 else b"") + exif))
    add("webp-xmp.webp", saved(picture("RGB"), "WEBP", quality=90, xmp=b'<a tiff:Orientation="6"/>'))
    for lossless in (True, False):
        for mode in ("RGB", "RGBA"):
            film = [picture(mode), picture(mode).rotate(180)]
            add("webp-animated-%s-%d.webp" % (mode, lossless), saved(film[0], "WEBP", save_all=True, append_images=film[1:], lossless=lossless))
    whole = saved(picture("RGB"), "WEBP", quality=90)
    add("webp-trailing.webp", whole + b"and more")
    add("webp-cut.webp", whole[:len(whole) // 2], "unexpected EOF|invalid format|short chunk")


def bmp():
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        add("bmp-%s.bmp" % mode, saved(picture(mode), "BMP"))
        add("bmp-%s.dib" % mode, saved(picture(mode), "DIB"))
    m = picture("RGB", 4, 3)
    bgr = [bytes(v for x in range(4) for v in reversed(m.getpixel((x, y)))) for y in range(3)]
    bgra = [bytes(v for x in range(4) for v in (*reversed(m.getpixel((x, y))), 40 * x)) for y in range(3)]
    index = [bytes((x * 3 + y) % 4 for x in range(4)) for y in range(3)]
    def by_hand(size, bits, rows, compression=0, masks=b"", palette=b"", gap=b"", used=0, top=False):
        rows = b"".join(rows if top else reversed(rows))
        if size == 12:
            info = struct.pack("<IHHHH", 12, 4, 3, 1, bits)
        else:
            info = struct.pack("<IiiHHIIiiII", size, 4, -3 if top else 3, 1, bits, compression, len(rows), 0, 0, used, 0)
            info = info + masks + bytes(max(0, size - 40 - len(masks)))
        body = info + palette + gap
        return b"BM" + struct.pack("<IHHI", 14 + len(body) + len(rows), 0, 0, 14 + len(body)) + body + rows
    add("bmp-top.bmp", by_hand(40, 24, bgr, top=True))
    add("bmp-gap.bmp", by_hand(40, 24, bgr, gap=b"12345678"))
    add("bmp-core.bmp", by_hand(12, 24, bgr))
    colours = bytes((0, 0, 255, 0, 255, 0, 255, 0, 0, 9, 9, 9))
    add("bmp-core-palette.bmp", by_hand(12, 8, index, palette=colours))
    four = b"".join(colours[i:i + 3] + b"\0" for i in range(0, 12, 3))
    add("bmp-short-palette.bmp", by_hand(40, 8, index, palette=four, used=4))
    add("bmp-short-palette-top.bmp", by_hand(124, 8, index, palette=four, used=4, top=True))
    add("bmp-gray-palette.bmp", by_hand(40, 8, index, palette=b"".join(bytes((i, i, i, 0)) for i in (1, 80, 20, 255)), used=4))
    masks = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    for size in (40, 52, 56, 108, 124):
        add("bmp-fields-%d.bmp" % size, by_hand(size, 32, bgra, compression=3, masks=masks))
        add("bmp-plain-%d.bmp" % size, by_hand(size, 32, bgra))
        if size >= 56:
            add("bmp-alpha-%d.bmp" % size, by_hand(size, 32, bgra, compression=3, masks=masks + struct.pack("<I", 0xFF000000)))
    add("bmp-16.bmp", by_hand(40, 16, [b"\x12\x34\x56\x78" * 2] * 3), "16 bits")
    add("bmp-rle.bmp", by_hand(40, 8, [b"\4\1\0\0", b"\4\2\0\0", b"\4\3\0\1"], compression=1, palette=four, used=4), "run-length")
    add("bmp-masks.bmp", by_hand(40, 32, bgra, compression=3, masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)), "masks")
    add("bmp-cut.bmp", by_hand(40, 24, bgr)[:-9], "not enough pixel data")


def tiff():
    for mode in ("1", "L", "P", "RGB", "RGBA", "I;16"):
        for how in (None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
            add("tiff-%s-%s.tiff" % (mode.replace(";", "_"), how), saved(picture(mode), "TIFF", compression=how))
    for how in ("tiff_lzw", "tiff_adobe_deflate"):
        for mode in ("L", "RGB", "RGBA", "I;16"):
            add("tiff-predictor-%s-%s.tif" % (mode.replace(";", "_"), how), saved(picture(mode), "TIFF", compression=how, tiffinfo={317: 2}))
    for how in ("group3", "group4"):
        add("tiff-%s.tif" % how, saved(picture("1"), "TIFF", compression=how))
    add("tiff-strips.tif", saved(picture("RGB"), "TIFF", compression="tiff_lzw", tiffinfo={278: 3}))
    add("tiff-frames.tif", saved(picture("RGB"), "TIFF", save_all=True, append_images=[picture("L")]))
    for o in range(1, 9):
        add("tiff-turned-%d.tif" % o, saved(picture("RGB"), "TIFF", tiffinfo={0x112: o}))
        add("tiff-turned-lzw-%d.tif" % o, saved(picture("L"), "TIFF", compression="tiff_lzw", tiffinfo={0x112: o}))
    add("tiff-xmp.tif", saved(picture("RGB"), "TIFF", tiffinfo={700: b'<a tiff:Orientation="6"/>'}))
    for mode, why in (("LA", "alpha"), ("CMYK", "CMYK"), ("YCbCr", "YCbCr"), ("LAB", r"L*a*b*"), ("F", "floating-point"), ("I", "floating-point|bits")):
        m = picture("RGB").convert("L").convert(mode) if mode in ("F", "I", "LA") else Image.new(mode, (9, 7))
        add("tiff-%s.tif" % mode, saved(m, "TIFF"), why)
    for how, why in (("jpeg", "YCbCr|JPEG"), ("webp", "WebP"), ("zstd", "Zstandard"), ("lzma", "LZMA")):
        try:
            add("tiff-%s.tif" % how, saved(picture("RGB"), "TIFF", compression=how), why)
        except OSError:
            pass  # this Pillow has not got it
    add("tiff-bigtiff.tif", saved(picture("RGB"), "TIFF", big_tiff=True), "BigTIFF")
    m = picture("L")
    (w, h), data = m.size, m.tobytes()
    def by_hand(order, white=0, pixels=data):
        e = [(256, 3, w), (257, 3, h), (258, 3, 8), (259, 3, 1), (262, 3, 1 - white), (273, 4, 0), (278, 3, h), (279, 4, len(data))]
        e[5] = (273, 4, len(directory(order, e)))
        return directory(order, e) + pixels
    add("tiff-big-endian.tif", by_hand("MM"))
    add("tiff-white.tif", by_hand("II", 1))
    add("tiff-cut.tif", by_hand("II", pixels=data[:-100]), "EOF")


for make in (png, png_odd, jpeg, gif, webp, bmp, tiff):
    make()
with open(os.path.join(out, "corpus.json"), "w") as f:
    json.dump(cases, f)
