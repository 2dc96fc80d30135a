"""Answers to A4 that are right, right in part, and wrong: cells by grade_id."""

RIGHT = {
    "A4-1-answer": """
def bits(residual, scale):
    from lic_lab.ops.rounding import lower_bound

    scale = lower_bound(scale, 0.11)
    near, far = ((residual.abs() + edge) / scale / 2**0.5 for edge in (-0.5, 0.5))
    mass = torch.special.erfc(near) - torch.special.erfc(far)
    return -lower_bound(mass / 2, 1e-9).log() / math.log(2)
""",
    "A4-2-answer": """
class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def forward(model, x, rate, training):
    def shaken(v):
        return v + torch.empty_like(v).uniform_(-0.5, 0.5) if training else torch.round(v)

    gain, inverse = model.gain(rate)
    y = model.analysis(x) * gain
    z = model.latent.analysis(y)
    of_z = -torch.log2(model.latent.density.likelihood(shaken(z)))
    features = model.latent.synthesis(Straight.apply(z))
    mean, scale = features[:, : y.shape[1]], features[:, y.shape[1] :]
    of_y = bits(shaken(y - mean), scale)
    x_hat = model.synthesis((Straight.apply(y - mean) + mean) * inverse)
    return x_hat, of_z.sum(dim=(1, 2, 3)) + of_y.sum(dim=(1, 2, 3))
""",
    "A4-3-answer": """
def objective(x, x_hat, bits, lmbda):
    error = torch.stack([((a - b) * 255).square().mean() for a, b in zip(x, x_hat)])
    return bits / x[0, 0].numel() + lmbda * error
""",
    "A4-4-answer": """
def train(model, crops, steps, seed):
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2.5e-3, weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2.5e-3, total_steps=steps + 1, pct_start=0.1)
    model.train()
    losses = []
    for _ in range(steps):
        x = crops[torch.randperm(len(crops))[:4]]
        rate = 2 * torch.rand(len(x))
        lmbda = model.lambda_for_rate(rate)
        output = model(x, rate)
        loss = (objective(x, output.x_hat, output.bits, lmbda) / (lmbda / 0.004).sqrt()).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses
""",
    "A4-5-answer": """
def rd_points(codec, picture, qualities):
    points = []
    for quality in qualities:
        data = codec.encode(picture, quality)
        error = np.square(codec.decode(data).astype(float) - picture).mean()
        points.append((8 * len(data) / (picture.size // 3), 20 * math.log10(255) - 10 * math.log10(error)))
    return points
""",
    "A4-6-answer": """
def bd(anchor, curve):
    from scipy.interpolate import pchip_interpolate

    def rising(points):
        best = []
        for rate, quality in sorted(points, key=lambda point: (point[0], -point[1])):
            if all(quality > other for _, other in best):
                best.append((rate, quality))
        rates, qualities = zip(*best)
        return np.log(rates), np.array(qualities)

    (one, at_one), (two, at_two) = rising(anchor), rising(curve)
    low, high = max(at_one[0], at_two[0]), min(at_one[-1], at_two[-1])
    if low >= high:
        return math.nan
    fine = np.linspace(low, high, 20001)
    apart = pchip_interpolate(at_two, two, fine) - pchip_interpolate(at_one, one, fine)
    return 100 * math.expm1((apart[1:] + apart[:-1]).mean() / 2)
""",
}

# A density without bounds, side information that costs nothing, a timid training, straight lines between points.
PARTIAL = {
    "A4-1-answer": """
def bits(residual, scale):
    normal = torch.distributions.Normal(0.0, scale.clamp(min=0.11), validate_args=False)
    return -torch.log2((normal.cdf(residual + 0.5) - normal.cdf(residual - 0.5)).clamp(min=1e-9))
""",
    "A4-2-answer": """
def forward(model, x, rate, training):
    gain, inverse = model.gain(rate)
    y = model.analysis(x) * gain
    z_hat = torch.round(model.latent.analysis(y))
    mean, scale = model.latent.synthesis(z_hat).chunk(2, dim=1)
    residual = y - mean
    rounded = residual + (torch.round(residual) - residual).detach()
    noisy = residual + torch.rand_like(residual) - 0.5
    cost = bits(noisy if training else rounded, scale)
    return model.synthesis((rounded + mean) * inverse), cost.sum((1, 2, 3))
""",
    "A4-3-answer": """
def objective(x, x_hat, bits, lmbda):
    return bits / (x.shape[2] * x.shape[3]) + lmbda * 255**2 * ((x - x_hat) ** 2).mean()
""",
    "A4-4-answer": """
def train(model, crops, steps, seed):
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    losses = []
    for _ in range(steps):
        x = crops[torch.randint(len(crops), (4,))]
        rate = torch.rand(4) * 2
        output = model(x, rate)
        mse = ((x - output.x_hat) ** 2).mean((1, 2, 3))
        loss = (output.bpp + model.lambda_for_rate(rate) * 255**2 * mse).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
""",
    "A4-5-answer": """
def rd_points(codec, picture, qualities):
    height, width = picture.shape[:2]
    points = []
    for quality in qualities:
        data = codec.encode(picture, int(quality))
        mse = np.mean((codec.decode(data).astype(float) - picture) ** 2)
        points.append((8 * len(data) / (height * width), 10 * math.log10(255**2 / mse)))
    return points
""",
    "A4-6-answer": """
def bd(anchor, curve):
    (a, qa), (c, qc) = (np.array(sorted(points)).T for points in (anchor, curve))
    low, high = max(qa.min(), qc.min()), min(qa.max(), qc.max())
    if low >= high:
        return math.nan
    fine = np.linspace(low, high, 1000)
    return 100 * np.expm1(np.mean(np.interp(fine, qc, np.log(c)) - np.interp(fine, qa, np.log(a))))
""",
}
PARTIAL_POINTS = {"A4.1": 2, "A4.2": 2, "A4.3": 1, "A4.4": 1, "A4.5": 1, "A4.6": 1}

WRONG = {
    "A4-1-answer": """
def bits(residual, scale):
    return -torch.distributions.Normal(0.0, scale.detach(), validate_args=False).log_prob(residual.detach())
""",
    "A4-2-answer": """
def forward(model, x, rate, training):
    with torch.no_grad():
        y = model.analysis(x)
        return model.synthesis(torch.round(y)), y.abs().sum((1, 2, 3))
""",
    "A4-3-answer": """
def objective(x, x_hat, bits, lmbda):
    return bits + lmbda * (x - x_hat).abs().mean((1, 2, 3))
""",
    "A4-4-answer": """
def train(model, crops, steps, seed):
    return [1.0 / (1 + step) for step in range(steps)]
""",
    "A4-5-answer": """
def rd_points(codec, picture, qualities):
    return [(len(codec.encode(picture, quality)) / picture.size, 30.0 + quality / 10) for quality in qualities]
""",
    "A4-6-answer": """
def bd(anchor, curve):
    return 100 * (sum(rate for rate, _ in curve) / sum(rate for rate, _ in anchor) - 1) - 1
""",
}
