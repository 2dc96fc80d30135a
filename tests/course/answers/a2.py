"""Answers to assignment A2 as students give them: right (other ways than the notebook's), partial, wrong."""

DISCRETISE = """
import torch


def discretise(A, B, delta, exact=False):
    delta = delta.permute(2, 0, 1).unsqueeze(-1)
    B = B.permute(2, 0, 1).unsqueeze(2)
    x = A * delta
    if exact:
        nought = x == 0
        x1 = torch.where(nought, torch.ones_like(x), x)
        weight = torch.where(nought, torch.ones_like(x), torch.expm1(x1) / x1)
        return x.exp(), weight * delta * B
    return x.exp(), delta * B
"""

LOOP = """
def scan_loop(u, delta, A, B, C, D, state=None):
    h = torch.zeros(u.shape[0], u.shape[1], A.shape[1], dtype=u.dtype) if state is None else state
    y = []
    for t in range(u.shape[2]):
        step = delta[:, :, t].unsqueeze(-1)
        h = (step * A).exp() * h + step * B[:, :, t].unsqueeze(1) * u[:, :, t].unsqueeze(-1)
        y.append(torch.einsum("bdn,bn->bd", h, C[:, :, t]) + D * u[:, :, t])
    return torch.stack(y, 2), h
"""

CONVOLUTION = """
import torch.nn.functional as F


def scan_convolution(u, delta, A, B, C, D):
    channels, length = u.shape[1:]
    backwards = torch.arange(length - 1, -1, -1, dtype=u.dtype).reshape(-1, 1, 1)
    kernel = ((backwards * delta.unsqueeze(-1) * A).exp() * (B * C)).sum(-1) * delta  # (length, channels), oldest first
    y = F.conv1d(F.pad(u, (length - 1, 0)), kernel.T.unsqueeze(1), groups=channels)
    return y + D.reshape(1, -1, 1) * u
"""

PREFIX = """
def prefix_scan(combine, steps):
    levels = [steps]
    while len(levels[-1][0]) > 1:
        last = levels[-1]
        even = len(last[0]) // 2 * 2
        levels.append(combine(tuple(x[0:even:2] for x in last), tuple(x[1:even:2] for x in last)))
    done = levels.pop()
    while levels:
        here = levels.pop()
        count = (len(here[0]) - 1) // 2
        parts = [tuple(x[:1] for x in here)]
        if count:
            parts.append(combine(tuple(x[:count] for x in done), tuple(x[2::2] for x in here)))
        firsts = tuple(torch.cat(both) for both in zip(*parts))
        order = torch.argsort(torch.cat([torch.arange(0, len(here[0]), 2), torch.arange(1, len(here[0]), 2)]))
        done = tuple(torch.cat([a, b])[order] for a, b in zip(firsts, done))
    return done
"""

CHUNKED = """
def one_after_the_other(p, q):
    return p[0] * q[0], q[0] * p[1] + q[1]


def scan_chunked(u, delta, A, B, C, D, chunk=64):
    h = torch.zeros(u.shape[0], u.shape[1], A.shape[1], dtype=u.dtype)
    y = []
    for at in range(0, u.shape[2], chunk):
        part = slice(at, at + chunk)
        decay, write = discretise(A, B[..., part], delta[..., part])
        left, added = prefix_scan(one_after_the_other, (decay, write * u[..., part].permute(2, 0, 1).unsqueeze(-1)))
        states = left * h + added
        h = states[-1]
        y.append((states * C[..., part].permute(2, 0, 1).unsqueeze(2)).sum(-1).permute(1, 2, 0))
    return torch.cat(y, 2) + D.unsqueeze(-1) * u
"""

BOTH_WAYS = """
def one_way(tokens, delta):
    h, out = tokens[:, :1], []
    for t in range(tokens.shape[1]):
        gate = 1 - torch.exp(-delta[:, t : t + 1])
        h = h + gate * (tokens[:, t : t + 1] - h)
        out.append(h)
    return torch.cat(out, 1)


def read_both_ways(tokens, delta):
    back = one_way(torch.flip(tokens, [1]), torch.flip(delta, [1]))
    return 0.5 * (one_way(tokens, delta) + torch.flip(back, [1]))
"""

STEPS = """
def steps(tokens, noise):
    calm = F.avg_pool2d(F.pad(tokens[None, None], (0, 0, 1, 1), mode="replicate"), (3, 1), stride=1)[0]
    wide = F.pad(calm, (1, 1), mode="replicate")[0]
    return 0.4 * torch.exp(0.6 * (wide[:, 2:] - wide[:, :-2]).abs() / noise)
"""

RIGHT = {"A2-1-answer": DISCRETISE, "A2-2-answer": LOOP, "A2-3-answer": CONVOLUTION, "A2-4-answer": PREFIX}
RIGHT |= {"A2-5-answer": CHUNKED, "A2-6-answer": BOTH_WAYS + STEPS}

PARTIAL = {
    # the formula as it stands: 0 / 0 where A is 0, and few digits for small steps
    "A2-1-answer": """
import torch


def discretise(A, B, delta, exact=False):
    delta, B = delta.permute(2, 0, 1)[..., None], B.permute(2, 0, 1)[:, :, None]
    decay = torch.exp(delta * A)
    return decay, (decay - 1) / A * B if exact else delta * B
""",
    # the state is changed in place: the caller's, and the one that autograd still needs
    "A2-2-answer": LOOP.replace("h = (step * A).exp() * h + step", "h *= (step * A).exp()\n        h += step"),
    # the kernel is made of copies
    "A2-3-answer": CONVOLUTION.replace(
        "* delta  # (length, channels), oldest first", "* delta\n    kernel = kernel.detach()"
    ),
    # Hillis and Steele: the fewest rounds, and l log l pairs
    "A2-4-answer": """
def prefix_scan(combine, steps):
    reach = 1
    while reach < len(steps[0]):
        joined = combine(tuple(x[:-reach] for x in steps), tuple(x[reach:] for x in steps))
        steps = tuple(torch.cat([x[:reach], new]) for x, new in zip(steps, joined))
        reach *= 2
    return steps
""",
    # one chunk for everything
    "A2-5-answer": CHUNKED.replace("    y = []\n", "    y, chunk = [], u.shape[2]\n"),
    # right readings, and the same large step everywhere
    "A2-6-answer": BOTH_WAYS + "\n\ndef steps(tokens, noise):\n    return torch.full_like(tokens, 4.0)\n",
}
PARTIAL_POINTS = {"A2.1": 2, "A2.2": 1, "A2.3": 2, "A2.4": 3, "A2.5": 3, "A2.6": 1}

WRONG = {
    # Euler's rule for the decay, and a hold that is not divided by A
    "A2-1-answer": """
import torch


def discretise(A, B, delta, exact=False):
    delta, B = delta.permute(2, 0, 1)[..., None], B.permute(2, 0, 1)[:, :, None]
    return 1 + delta * A, torch.expm1(delta * A) * B if exact else delta * B
""",
    # a token is read before it is written
    "A2-2-answer": """
def scan_loop(u, delta, A, B, C, D, state=None):
    h = torch.zeros(u.shape[0], u.shape[1], A.shape[1], dtype=u.dtype) if state is None else state
    y = []
    for t in range(u.shape[2]):
        y.append(torch.einsum("bdn,bn->bd", h, C[:, :, t]) + D * u[:, :, t])
        step = delta[:, :, t].unsqueeze(-1)
        h = (step * A).exp() * h + step * B[:, :, t].unsqueeze(1) * u[:, :, t].unsqueeze(-1)
    return torch.stack(y, 2), h
""",
    # no zeros behind: the end of the sequence leaks into its beginning
    "A2-3-answer": """
import torch.nn.functional as F


def scan_convolution(u, delta, A, B, C, D):
    length = u.shape[2]
    since = torch.arange(length, dtype=u.dtype).reshape(-1, 1, 1)
    kernel = (((since * delta.unsqueeze(-1) * A).exp() * (B * C)).sum(-1) * delta).T
    return torch.fft.irfft(torch.fft.rfft(u) * torch.fft.rfft(kernel), length) + D.reshape(1, -1, 1) * u
""",
    # the later step is handed to the operator as the first
    "A2-4-answer": """
def prefix_scan(combine, steps):
    reach = 1
    while reach < len(steps[0]):
        joined = combine(tuple(x[reach:] for x in steps), tuple(x[:-reach] for x in steps))
        steps = tuple(torch.cat([x[:reach], new]) for x, new in zip(steps, joined))
        reach *= 2
    return steps
""",
    # every chunk begins with an empty state
    "A2-5-answer": (DISCRETISE + PREFIX + CHUNKED).replace("        h = states[-1]\n", ""),
    # the reading from the right is not turned back, and hardly anything is forgotten
    "A2-6-answer": BOTH_WAYS.replace("torch.flip(back, [1]))", "back)")
    + "\n\ndef steps(tokens, noise):\n    return torch.full_like(tokens, 0.02)\n",
}
