"""A second camera for any photograph: stereo pairs made from single pictures, with disparities known exactly.

Legend: h rows, w columns. d is the disparity of a pixel of the left view, in pixels; its place in the right view is
u = x - d. s is the column of the left view that a pixel of the right view shows, so that u = s - d(s).
Source: Watson et al., "Learning stereo from single images" (ECCV 2020), Sec. 3: a picture, a disparity, a forward warp
in which near surfaces hide far ones, holes filled with another picture. Theirs: a depth network gives the disparity,
and colours are linear between columns. Ours: random smooth surfaces over the segments of the picture, sharper colours,
holes that continue the background, and what is hidden is known.
"""

import numpy as np
from PIL import Image

from lic_lab.compiled import compiled, helper
from lic_lab.datasets.images import read_image
from lic_lab.datasets.stereo import StereoPair
from lic_lab.errors import LicLabError

STRONGEST = 0.08  # largest disparity by default, as a share of the width: the Motorcycle pair reaches 0.085
JUMP = 0.75  # neighbours whose disparities differ by more are two surfaces; below 1, so that surfaces keep their order
SMALL = 96  # pixels of the longer side where segments are looked for; their borders are then refined


def synthetic_pair(image, rng: np.random.Generator, *, max_disparity: float | None = None, filler=None) -> StereoPair:
    """Take a picture as the left view of a random scene, and make the right one.

    image, filler: anything `read_image` takes.   max_disparity: that of the nearest point, in pixels, from 0 to the
    width; by default random up to 8 % of the width, half of them below 2.5 %.   filler: another picture, shown where
    the first has nothing to show (in its colours, as Watson et al. do); by default the background is mirrored there.
    The disparity is exact, and NaN where the right view hides the point or ends before it. The right view differs a
    little in gain, gamma, offset and noise, as two cameras do. Raises LicLabError for a max_disparity out of range.
    """
    left = read_image(image)
    width = left.shape[1]
    nearest = STRONGEST * width * rng.beta(1.2, 2.4) if max_disparity is None else float(max_disparity)
    if not 0 <= nearest <= width:
        raise LicLabError(f"a disparity of {nearest:g} pixels does not fit a picture of {width}: take 0 to {width}")
    disparity = random_disparity(left, rng, nearest)
    right, visible = right_view(left, disparity, filler)
    return StereoPair(left, other_camera(right, rng), np.where(visible, disparity, np.float32("nan")))


def random_disparity(picture: np.ndarray, rng: np.random.Generator, nearest: float) -> np.ndarray:
    """Draw a scene for a uint8 picture (h, w, 3): disparities float32 (h, w) from some far value to `nearest` pixels.

    A wavy ground that mostly comes nearer towards the bottom carries things, each a segment of the picture, that
    stand on it upright and a little tilted: so disparities jump where colours do.
    """
    height, width = picture.shape[:2]
    labels = segments(picture, scale=rng.uniform(60, 250))
    x, y = np.linspace(-0.5, 0.5, width, dtype=np.float32), np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    ground = _float32(rng.normal(0.5, 0.5)) * y + _float32(rng.normal(0, 0.15)) * x
    ground += _float32(rng.uniform(0, 0.15)) * _waves(height, width, rng)
    count = int(labels.max()) + 1
    foot = np.full(count, -np.inf, np.float32)
    np.maximum.at(foot, labels.ravel(), ground.ravel())
    stands = rng.random(count) < rng.uniform(0.2, 0.7)
    lift = foot + rng.exponential(0.12, count).astype(np.float32)
    tilt = rng.normal(0, 0.15, count).astype(np.float32)
    values = np.where(stands[labels], lift[labels] + tilt[labels] * x, ground)
    values -= values.min()
    values /= max(values.max(), 1e-6)
    far = rng.uniform(0, 0.6)
    disparity = _float32(nearest) * (_float32(far) + _float32(1 - far) * values)
    return np.minimum(_grown(disparity), _float32(nearest))


def right_view(picture: np.ndarray, disparity: np.ndarray, filler=None) -> tuple[np.ndarray, np.ndarray]:
    """Look at a uint8 picture (h, w, 3) from the right: the view, alike, and which pixels are in it, bool (h, w).

    disparity: (h, w) in pixels, >= 0.   filler: see `synthetic_pair`.
    A pixel of the left view is in the right one where it lands inside and no nearer one lands beside it; only then can
    it be found again at x - disparity. Colours between two columns come from six of them by Lanczos' filter, which
    keeps them as sharp as a camera would.
    """
    disparity = np.ascontiguousarray(disparity, np.float32)
    source, depth, visible = _look(disparity)
    view = _resampled(picture, source, _lanczos(64))
    if filler is not None:
        hole = depth < 0
        view[hole] = _in_colors_of(picture, read_image(filler))[hole]
    return view, visible


def other_camera(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Show a uint8 view (h, w, 3) as another camera would: its gain, white balance, gamma, offset and noise differ."""
    gain = rng.uniform(0.96, 1.04) * rng.uniform(0.99, 1.01, 3)
    gamma, offset, noise = rng.uniform(0.95, 1.05), rng.uniform(-2, 2), rng.uniform(0, 1.5)
    curve = 255 * gain * np.linspace(0, 1, 256)[:, None] ** gamma + offset  # (256, 3)
    levels = np.stack([curve.astype(np.float32)[:, c][view[..., c]] for c in range(3)], axis=-1)
    levels += _float32(noise) * rng.standard_normal(view.shape, np.float32)
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def segments(picture: np.ndarray, *, scale: float = 100) -> np.ndarray:
    """Number the pieces of one colour in a uint8 picture (h, w, 3): int32 (h, w) from 0, with gaps; by scale, larger.

    Found on a small copy by Felzenszwalb and Huttenlocher (2004), and carried to all pixels by colour and place.
    """
    from skimage.segmentation import felzenszwalb

    height, width = picture.shape[:2]
    factor = min(1, SMALL / max(height, width))
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    if min(rows, columns) < 4:
        return np.zeros((height, width), np.int32)
    small = np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BOX))
    labels = felzenszwalb(small, scale=scale, sigma=0, min_size=rows * columns // 200 + 1).astype(np.int32)
    return _smoothed(_refined(picture, small, _smoothed(labels, 2)), 1)  # first without the rims of blurred edges


def _waves(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth random hills, float32 (h, w), about as high and wide as a third of the picture; their deviation is 1."""
    coarse = Image.fromarray(rng.standard_normal((4, 5), np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def _in_colors_of(picture: np.ndarray, filler: np.ndarray) -> np.ndarray:
    """Give the filler the size of the picture and, channel by channel, its mean and deviation."""
    height, width = picture.shape[:2]
    levels = np.asarray(Image.fromarray(filler).resize((width, height), Image.Resampling.LANCZOS), np.float32)
    (mean, spread), (wanted, wanted_spread) = ((a.mean((0, 1)), a.std((0, 1)) + 1e-3) for a in (levels, picture))
    return np.rint((levels - mean) * (wanted_spread / spread) + wanted).clip(0, 255).astype(np.uint8)


def _lanczos(steps: int) -> np.ndarray:
    """Lanczos' filters for places 0, 1 / steps, ... 1 between two columns: float32 (steps + 1, 6), each of sum 1."""
    away = np.arange(-2, 4) - np.linspace(0, 1, steps + 1)[:, None]
    weights = np.sinc(away) * np.sinc(away / 3)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _float32(number: float) -> np.float32:
    return np.float32(number)  # a float64 would widen the whole picture


@compiled
def _look(disparity):
    """Disparity (h, w) -> of each pixel of the right view its column s and its disparity (-1 in holes), both float32,
    and of each pixel of the left one whether the right view shows it."""
    height, width = disparity.shape
    source = np.empty((height, width), np.float32)
    depth = np.full((height, width), -1, np.float32)
    visible = np.empty((height, width), np.bool_)
    for y in range(height):
        _splat(disparity[y], source[y], depth[y])
        _mark_visible(disparity[y], depth[y], visible[y])
        _fill(source[y], depth[y])
    return source, depth, visible


@helper
def _splat(d, source, depth):
    """Lay a row of the left view into the right one as a chain of stretches, from left to right.

    What lands where something is already comes from further right, so it has moved more and is nearer: it hides that
    (the order of McMillan and Bishop 1995).
    """
    width = d.size
    for x in range(width):
        here = x - d[x]
        joined = x + 1 < width and abs(d[x + 1] - d[x]) < JUMP
        slope = d[x + 1] - d[x] if joined else 0.0
        end = here + 1 - slope if joined else here + 0.5
        start = here if x and abs(d[x] - d[x - 1]) < JUMP else here - 0.5  # a pixel at an edge is whole, too
        for u in range(max(0, int(np.ceil(start))), min(width - 1, int(np.floor(end))) + 1):
            along = (u - here) / (1 - slope) if u > here else u - here
            depth[u], source[u] = d[x], x + along


@helper
def _mark_visible(d, depth, visible):
    """A point is seen where it lands inside and nothing nearer lies on either of the columns around it."""
    width = d.size
    for x in range(width):
        place = x - d[x]
        low, high = int(np.floor(place)), int(np.ceil(place))
        visible[x] = low >= 0 and max(depth[low], depth[high]) <= d[x] + JUMP


@helper
def _fill(source, depth):
    """Continue the farther of a hole's two neighbours into it, mirrored."""
    width, start = depth.size, 0
    while start < width:
        if depth[start] >= 0:
            start += 1
            continue
        end = start
        while end < width and depth[end] < 0:
            end += 1
        before, after = start - 1, end
        from_after = after < width and (before < 0 or depth[after] <= depth[before])
        for u in range(start, end):
            if from_after:
                column = source[after] + (after - u)
            else:
                column = source[before] - (u - before) if before >= 0 else np.float32(u)
            source[u] = width - 1 - abs(width - 1 - abs(column))  # mirrored again where the picture ends
        start = end


@compiled
def _resampled(picture, source, weights):
    """Picture uint8 (h, w, 3), columns float32 (h, w), filters (p, 6) -> uint8 (h, w, 3), filtered along the rows."""
    height, width = source.shape
    view = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for u in range(width):
            x = int(np.floor(source[y, u]))
            weight = weights[round((source[y, u] - x) * (len(weights) - 1))]
            for channel in range(3):
                value = np.float32(0)
                for k in range(6):
                    value += weight[k] * picture[y, _inside(x - 2 + k, width), channel]
                view[y, u, channel] = int(min(max(value, 0), 255) + 0.5)
    return view


@helper
def _inside(x, width):
    return min(max(x, 0), width - 1)


@compiled
def _refined(picture, small, labels):
    """Labels of a small copy (r, c) -> labels of the picture (h, w): of the nine small pixels around, that of the one
    most alike in colour and near."""
    height, width = picture.shape[:2]
    rows, columns = labels.shape
    fine = np.empty((height, width), np.int32)
    for y in range(height):
        v = (y + 0.5) * rows / height - 0.5
        top, bottom = _inside(round(v) - 1, rows), _inside(round(v) + 1, rows) + 1
        for x in range(width):
            u = (x + 0.5) * columns / width - 0.5
            left, right = _inside(round(u) - 1, columns), _inside(round(u) + 1, columns) + 1
            around, best = labels[top:bottom, left:right], np.inf
            fine[y, x] = around[0, 0]
            if _one_value(around):
                continue
            for i in range(top, bottom):
                for j in range(left, right):
                    cost = 400.0 * ((v - i) ** 2 + (u - j) ** 2)  # a small pixel away is as bad as 20 levels
                    for channel in range(3):
                        cost += (np.float64(picture[y, x, channel]) - small[i, j, channel]) ** 2
                    if cost < best:
                        best, fine[y, x] = cost, labels[i, j]
    return fine


@compiled
def _smoothed(labels, reach):
    """Give a pixel the commonest label of those up to `reach` away, so that borders have no fringes and no rims."""
    height, width = labels.shape
    smooth = labels.copy()
    for y in range(height):
        for x in range(width):
            around = labels[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
            most = 0
            if _one_value(around):
                continue
            for label in around.flat:
                count = 0
                for other in around.flat:
                    count += label == other
                if count > most:
                    most, smooth[y, x] = count, label
    return smooth


@helper
def _one_value(array):
    for value in array.flat:
        if value != array[0, 0]:
            return False
    return True


@compiled
def _grown(disparity):
    """Let near surfaces grow by a pixel, (h, w) -> (h, w): what is beside their edge shows some of their colour."""
    height, width = disparity.shape
    grown = disparity.copy()
    for y in range(height):
        for x in range(width):
            nearest = disparity[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
            if nearest > disparity[y, x] + JUMP:
                grown[y, x] = nearest
    return grown
