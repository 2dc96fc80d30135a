"""Answers to A3 that are right, right in part, and wrong: cells by grade_id."""

RIGHT = {
    "A3-1-answer": '''
def _split(x, axis):
    """Sums and differences of pairs along an axis, divided by the root of 2; an odd end is repeated."""
    if x.shape[axis] % 2:
        x = torch.cat([x, x.narrow(axis, x.shape[axis] - 1, 1)], dim=axis)
    first, second = x.unflatten(axis, (-1, 2)).unbind(axis if axis >= 0 else axis)
    return (first + second) / 2**0.5, (first - second) / 2**0.5


def _join(low, high, axis, length):
    pairs = torch.stack([low + high, low - high], dim=axis) / 2**0.5
    return pairs.flatten(axis - 1, axis).narrow(axis, 0, length)


def haar(x):
    low, high = _split(x, -1)
    return (*_split(low, -2), *_split(high, -2))


def unhaar(bands, size):
    ll, lh, hl, hh = bands
    height, width = size
    columns = [torch.stack([a + b, a - b], dim=-2).flatten(-3, -2)[..., :height, :] for a, b in ((ll, lh), (hl, hh))]
    low, high = (column / 2**0.5 for column in columns)
    return torch.stack([low + high, low - high], dim=-1).flatten(-2)[..., :width] / 2**0.5
''',
    "A3-2-answer": """
def pyramid(x, levels):
    if levels == 0:
        return [x]
    ll, *details = haar(x)
    return [*pyramid(ll, levels - 1), tuple(details)]


def collapse(found, size):
    *rest, finest = found
    half = tuple(-(-side // 2) for side in size)
    ll = collapse(rest, half) if len(rest) > 1 else rest[0]
    return unhaar((ll, *finest), size)
""",
    "A3-3-answer": """
def noise_level(noisy):
    return float(haar(noisy)[3].abs().median() / 0.6745)


def denoise(noisy, sigma):
    noise = sigma**2
    ll, *details = pyramid(noisy, 3)
    gated = []
    for bands in details:
        energy = [torch.nn.functional.avg_pool2d(band[None].square(), 5, 1, 2, count_include_pad=False)[0]
                  for band in bands]
        gated.append(tuple(band * (1 - noise / e).clamp(min=0) for band, e in zip(bands, energy)))
    return collapse([ll, *gated], noisy.shape)
""",
    "A3-4-answer": """
def channel_term(x, w):
    means = torch.stack([band.abs().mean(dim=(2, 3)) for band in haar(x)]).permute(1, 0, 2).reshape(len(x), -1)
    hidden = (means @ w["channel.0.weight"].T + w["channel.0.bias"]).clamp(min=0)
    return hidden @ w["channel.2.weight"].T + w["channel.2.bias"]
""",
    "A3-5-answer": """
def spatial_term(x, w):
    share = w["band_logits"].exp() / w["band_logits"].exp().sum(0)
    bands = torch.cat([band * s.view(1, -1, 1, 1) for band, s in zip(haar(x), share)], dim=1)
    kernel = w["spatial.0.0.weight"][:, 0]
    padded = torch.nn.functional.pad(bands, (1, 1, 1, 1))
    rows, columns = bands.shape[2:]
    filtered = sum(padded[:, :, i : i + rows, j : j + columns] * kernel[:, i, j].view(1, -1, 1, 1)
                   for i in range(3) for j in range(3))
    mixed = torch.einsum("oc,bchw->bohw", w["spatial.0.1.weight"][:, :, 0, 0], filtered)
    mixed = mixed + w["spatial.0.1.bias"].view(1, -1, 1, 1)
    bent = torch.where(mixed > 0, mixed, mixed * w["spatial.1.weight"].view(1, -1, 1, 1))
    out = torch.einsum("oc,bchw->bohw", w["spatial.2.weight"][:, :, 0, 0], bent)
    out = out + w["spatial.2.bias"].view(1, -1, 1, 1)
    large = torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)(out)
    return large[:, :, : x.shape[2], : x.shape[3]]
""",
    "A3-6-answer": """
def gate(x, w):
    logit = spatial_term(x, w) + channel_term(x, w)[..., None, None]
    return 1 - 0.7 * torch.sigmoid(-logit)
""",
}

# Odd sides forgotten: zeros are put behind the map instead of its last row or column, and one threshold for all noise.
PARTIAL = {
    "A3-1-answer": """
def haar(x):
    x = torch.nn.functional.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2))
    a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    return (a + b + c + d) / 2, (a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2


def unhaar(bands, size):
    ll, lh, hl, hh = bands
    x = ll.new_zeros(*ll.shape[:-2], 2 * ll.shape[-2], 2 * ll.shape[-1])
    x[..., ::2, ::2], x[..., ::2, 1::2] = (ll + lh + hl + hh) / 2, (ll + lh - hl - hh) / 2
    x[..., 1::2, ::2], x[..., 1::2, 1::2] = (ll - lh + hl - hh) / 2, (ll - lh - hl + hh) / 2
    return x[..., : size[0], : size[1]]
""",
    "A3-2-answer": """
def pyramid(x, levels):
    found = []
    for _ in range(levels):
        x, *details = haar(x)
        found.append(tuple(details))
    return [x, *found]


def collapse(found, size):
    x, *details = found
    for k, bands in reversed(list(enumerate(details))):
        x = unhaar((x, *bands), (size[0] // 2**k, size[1] // 2**k))
    return x
""",
    "A3-3-answer": """
def noise_level(noisy):
    return float(haar(noisy)[3].abs().median() / 0.6745)


def denoise(noisy, sigma):
    least = 2 * sigma
    ll, *bands = haar(noisy)
    coarse, *others = haar(ll)
    others, bands = ([b.sign() * (b.abs() - least).clamp(min=0) for b in found] for found in (others, bands))
    return unhaar((unhaar((coarse, *others), ll.shape), *bands), noisy.shape)
""",
    "A3-4-answer": """
def channel_term(x, w):
    means = torch.cat([band.abs().mean((0, 2, 3)) for band in haar(x)])[None].expand(len(x), -1)
    hidden = torch.relu(means @ w["channel.0.weight"].T + w["channel.0.bias"])
    return hidden @ w["channel.2.weight"].T + w["channel.2.bias"]
""",
    "A3-5-answer": """
def spatial_term(x, w):
    F = torch.nn.functional
    share = w["band_logits"].detach().softmax(0)
    bands = torch.cat([s[:, None, None] * band for s, band in zip(share, haar(x))], 1)
    out = F.conv2d(bands, w["spatial.0.0.weight"], padding=1, groups=bands.shape[1])
    out = F.prelu(F.conv2d(out, w["spatial.0.1.weight"], w["spatial.0.1.bias"]), w["spatial.1.weight"])
    out = F.conv2d(out, w["spatial.2.weight"], w["spatial.2.bias"])
    return F.interpolate(out, scale_factor=2, mode="bilinear")[..., : x.shape[-2], : x.shape[-1]]
""",
    "A3-6-answer": """
def gate(x, w):
    return 0.3 + 0.7 / (1 + torch.exp(-(channel_term(x, w)[:, :, None, None] + spatial_term(x, w))))
""",
}
PARTIAL_POINTS = {"A3.1": 2, "A3.2": 1, "A3.3": 2, "A3.4": 1, "A3.5": 1, "A3.6": 2}

WRONG = {
    "A3-1-answer": """
def haar(x):
    return tuple(torch.nn.functional.avg_pool2d(x, 2, ceil_mode=True) for _ in range(4))


def unhaar(bands, size):
    return torch.nn.functional.interpolate(bands[0].detach(), size=size)
""",
    "A3-2-answer": """
def pyramid(x, levels):
    return [x] + [haar(x)[1:]] * levels


def collapse(found, size):
    return found[0]
""",
    "A3-3-answer": """
def noise_level(noisy):
    return float(noisy.std())


def denoise(noisy, sigma):
    return noisy
""",
    "A3-4-answer": """
def channel_term(x, w):
    return x.mean((2, 3))
""",
    "A3-5-answer": """
def spatial_term(x, w):
    return x
""",
    "A3-6-answer": """
def gate(x, w):
    return 0.3 + 0.7 * torch.rand_like(x)
""",
}
