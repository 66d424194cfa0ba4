"""Vietnamese captions of the toy flowers: each names all attributes of the flower's label."""

import random

from captiongan.data.toy_flower import PETAL_COUNTS, ToyFlower

_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("đỏ", "đỏ thắm"),
    "orange": ("cam", "da cam"),
    "yellow": ("vàng", "vàng chanh"),
    "pink": ("hồng",),
    "purple": ("tím",),
    "blue": ("xanh dương", "xanh lam"),
    "white": ("trắng", "trắng ngà"),
    "green": ("xanh lá", "xanh lá cây"),
    "brown": ("nâu", "nâu hạt dẻ"),
    "round": ("tròn",),
    "pointed": ("nhọn",),
    "narrow": ("hẹp", "thon"),
    "heart-shaped": ("hình trái tim", "hình tim"),
    "three": ("ba",),
    "four": ("bốn",),
    "five": ("năm",),
    "six": ("sáu",),
    "eight": ("tám",),
    "many": ("nhiều",),
}

_BACKDROPS = {
    "green": ("nền xanh lá", "nền lá xanh"),
    "dark": ("nền tối", "nền đen"),
    "grey": ("nền xám",),
    "pale": ("nền nhạt", "nền sáng"),
}

_SENTENCES = (
    "bông hoa màu {petal} có {count} cánh {shape} và nhụy màu {disc}",
    "bông hoa này có {count} cánh {shape} màu {petal} quanh nhụy {disc}",
    "cánh hoa màu {petal} và {shape}, có {count} cánh, nhụy màu {disc}",
    "một bông hoa có nhụy {disc} và {count} cánh {shape} màu {petal}",
    "{count} cánh hoa {shape} màu {petal} bao quanh nhụy màu {disc}",
    "hoa {petal} có {count} cánh {shape}, nhụy {disc}, trên {backdrop}",
)

_CAPTIONS_PER_FLOWER = 5


def vietnamese_captions(flower: ToyFlower) -> tuple[str, ...]:
    """Return five different Vietnamese captions of a flower."""
    rng = random.Random(f"captions/vi/{flower.variation}")
    words = {
        "petal": flower.petal_colour,
        "disc": flower.centre_colour,
        "count": PETAL_COUNTS[flower.petals],
        "shape": flower.petal_shape,
    }
    return tuple(
        sentence.format(
            **{slot: rng.choice(_WORDS[word]) for slot, word in words.items()},
            backdrop=rng.choice(_BACKDROPS[flower.background]),
        )
        for sentence in rng.sample(_SENTENCES, _CAPTIONS_PER_FLOWER)
    )
