"""Sixteen float32 lanes as one Numba value, so that a kernel says which vector instructions it wants.

Left to itself, LLVM's loop vectoriser turns an inner loop over 16 channels into memory traffic: the state is written
and read back on every step. A value of type `<16 x float>` stays in a register: one zmm on AVX-512, two ymm on AVX2,
four q on Arm. The operators + - * may be contracted to fused multiply-adds and nothing else is relaxed: no fastmath.

Numba's cache on disk watches the file of a cached function only: whoever changes this file edits the file of the
kernels, too, be it a comment.
"""

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 16
FLOAT, INT = ir.FloatType(), ir.IntType(32)
VECTOR, INTS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT, LANES)
EXP2 = (0.0013264719, 0.0096715232, 0.0555073395, 0.2402224243, 0.6931470037, 1.0)  # minimax on [-1/2, 1/2], 1.6e-7
ATANH = (0.1400641799, 0.1400080323, 0.2001077086, 0.3333320916, 1.0)  # atanh(s) / s in s^2, s in [0, 1/3], 5e-9


class Float32x16(types.Type):
    """The Numba type of 16 float32 lanes."""

    def __init__(self):
        super().__init__(name="Float32x16")


float32x16 = Float32x16()


@register_model(Float32x16)
class _Float32x16Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, VECTOR)


def _define_operator(op, instruction, flags):
    class _Typed(ConcreteTemplate):
        cases = (signature(float32x16, float32x16, float32x16),)

    infer_global(op)(_Typed)

    @lower_builtin(op, Float32x16, Float32x16)
    def lower(context, builder, sig, args):
        return getattr(builder, instruction)(*args, flags=flags)


for _op, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _define_operator(_op, _instruction, ("contract",))
_define_operator(operator.truediv, "fdiv", ())


def _splat(builder, scalar):
    first = builder.insert_element(ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined), scalar, INT(0))
    return builder.shuffle_vector(first, first, ir.Constant(INTS, [0] * LANES))


def _constant(value):
    return ir.Constant(VECTOR, [value] * LANES)


def _pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.gep(data, [index])


def _read(builder, pointer):
    return builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=4)


def _write(builder, value, pointer):
    builder.store(value, builder.bitcast(pointer, VECTOR.as_pointer()), align=4)


@intrinsic
def load(typingctx, array, index):
    """Sixteen lanes from the flat position `index` of a C-ordered float32 array; no bounds are checked."""

    def codegen(context, builder, sig, args):
        return _read(builder, _pointer(context, builder, sig.args[0], *args))

    return float32x16(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, value):
    """Write sixteen lanes to the flat position `index` of a C-ordered float32 array; no bounds are checked."""

    def codegen(context, builder, sig, args):
        _write(builder, args[2], _pointer(context, builder, sig.args[0], *args[:2]))
        return context.get_dummy_value()

    return types.void(array, types.intp, float32x16), codegen


@intrinsic
def spread(typingctx, array, index):
    """The float at the flat position `index`, in all sixteen lanes."""

    def codegen(context, builder, sig, args):
        return _splat(builder, builder.load(_pointer(context, builder, sig.args[0], *args)))

    return float32x16(array, types.intp), codegen


@intrinsic
def constant(typingctx, value):
    """A float in all sixteen lanes."""

    def codegen(context, builder, sig, args):
        return _splat(builder, args[0])

    return float32x16(types.float32), codegen


def _fma(builder, a, b, c):
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _horner(builder, x, coefficients):
    value = _constant(coefficients[0])
    for coefficient in coefficients[1:]:
        value = _fma(builder, value, x, _constant(coefficient))
    return value


def _exp2(builder, x):
    """2**x as 2**whole * 2**part: adding 1.5 * 2**23 leaves `whole` in the low bits of the float, ready to shift."""
    # The comparison is false for NaN, which therefore passes.
    x = builder.select(builder.fcmp_ordered("<", x, _constant(-126.0)), _constant(-126.0), x)
    x = builder.select(builder.fcmp_ordered(">", x, _constant(127.0)), _constant(127.0), x)
    magic = _constant(12582912.0)
    whole = builder.fadd(x, magic)
    part = builder.fsub(x, builder.fsub(whole, magic))
    exponent = builder.shl(builder.bitcast(whole, INTS), ir.Constant(INTS, [23] * LANES))
    mantissa = builder.bitcast(_horner(builder, part, EXP2), INTS)
    return builder.bitcast(builder.add(mantissa, exponent), VECTOR)


@intrinsic
def exp2(typingctx, x):
    """2**x to 2e-7 relative; x is held within [-126, 127]."""

    def codegen(context, builder, sig, args):
        return _exp2(builder, args[0])

    return float32x16(float32x16), codegen


@intrinsic
def softplus(typingctx, x):
    """log(1 + exp(x)) to 3e-7 relative, also where it is tiny: max(x, 0) + 2 atanh(e / (2 + e)) with e = exp(-|x|)."""

    def codegen(context, builder, sig, args):
        (x,) = args
        positive = builder.fcmp_ordered(">", x, _constant(0.0))
        minus = builder.select(positive, builder.fsub(_constant(0.0), x), x)
        e = _exp2(builder, builder.fmul(minus, _constant(1.4426950408889634)))
        s = builder.fdiv(e, builder.fadd(e, _constant(2.0)))
        log = builder.fmul(builder.fadd(s, s), _horner(builder, builder.fmul(s, s), ATANH))
        return builder.fadd(builder.select(positive, x, _constant(0.0)), log)

    return float32x16(float32x16), codegen


@intrinsic
def sigmoid(typingctx, x):
    """1 / (1 + exp(-x)) to 3e-7 relative."""

    def codegen(context, builder, sig, args):
        e = _exp2(builder, builder.fmul(args[0], _constant(-1.4426950408889634)))
        return builder.fdiv(_constant(1.0), builder.fadd(e, _constant(1.0)))

    return float32x16(float32x16), codegen


# Lane patterns of the x86 shuffles; other processors get whatever their back end makes of them.
_LOW = [i + 4 * q for q in range(4) for i in (0, 16, 1, 17)]
_HIGH = [i + 4 * q for q in range(4) for i in (2, 18, 3, 19)]
_LOW2 = [i + 4 * q for q in range(4) for i in (0, 1, 16, 17)]
_HIGH2 = [i + 4 * q for q in range(4) for i in (2, 3, 18, 19)]
_EVEN4 = [i + 4 * q for q in (0, 2, 4, 6) for i in range(4)]
_ODD4 = [i + 4 * q for q in (1, 3, 5, 7) for i in range(4)]


def _shuffle(builder, a, b, lanes):
    return builder.shuffle_vector(a, b, ir.Constant(INTS, lanes))


def _transposed(builder, rows):
    """Sixteen vectors to sixteen vectors: pairs, pairs of pairs, then whole quarters."""
    pairs = [_shuffle(builder, rows[i], rows[i + 1], p) for i in range(0, 16, 2) for p in (_LOW, _HIGH)]
    fours = []
    for k in range(0, 16, 4):
        for i in (k, k + 1):
            fours += [_shuffle(builder, pairs[i], pairs[i + 2], p) for p in (_LOW2, _HIGH2)]
    columns = [None] * 16
    for j in range(4):
        for upper, first in ((_EVEN4, j), (_ODD4, j + 4)):
            top, low = (_shuffle(builder, fours[j + k], fours[j + k + 4], upper) for k in (0, 8))
            columns[first] = _shuffle(builder, top, low, _EVEN4)
            columns[first + 8] = _shuffle(builder, top, low, _ODD4)
    return columns


@intrinsic
def transpose(typingctx, source, start, stride, target, start2, stride2):
    """Copy a 16 x 16 tile transposed; starts are flat positions, strides are between the tile's rows."""

    def codegen(context, builder, sig, args):
        source, start, stride, target, start2, stride2 = args
        at = lambda a, begin, step, k: builder.add(begin, builder.mul(step, ir.Constant(step.type, k)))  # noqa: E731
        rows = [
            _read(builder, _pointer(context, builder, sig.args[0], source, at(0, start, stride, k))) for k in range(16)
        ]
        for k, column in enumerate(_transposed(builder, rows)):
            _write(builder, column, _pointer(context, builder, sig.args[3], target, at(0, start2, stride2, k)))
        return context.get_dummy_value()

    i = types.intp
    return types.void(source, i, i, target, i, i), codegen


@intrinsic
def prefetch(typingctx, source, start, stride):
    """Ask for the cache lines of a tile's sixteen rows before they are needed; wrong addresses do no harm."""

    def codegen(context, builder, sig, args):
        source, start, stride = args
        data = context.make_array(sig.args[0])(context, builder, value=source).data
        hint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [data.type, INT, INT, INT]), "llvm.prefetch.p0"
        )
        for k in range(LANES):
            row = builder.gep(data, [builder.add(start, builder.mul(stride, ir.Constant(stride.type, k)))])
            builder.call(hint, [row, INT(0), INT(2), INT(1)])  # for reading, into the second cache, data
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp), codegen


@intrinsic
def sum_pairs(typingctx, p0, p1, q0, q1):
    """Lane 4 k + j holds the sum over quarter k of the j-th argument: the first half of four horizontal sums."""

    def codegen(context, builder, sig, args):
        def halved(a, b, low, high):
            return builder.fadd(_shuffle(builder, a, b, low), _shuffle(builder, a, b, high))

        p, q = halved(*args[:2], _LOW, _HIGH), halved(*args[2:], _LOW, _HIGH)
        return halved(p, q, _LOW2, _HIGH2)

    return float32x16(*[float32x16] * 4), codegen


@intrinsic
def sum_quarters(typingctx, a, b, c, d):
    """Lane 4 k + j holds the sum over the quarters of the k-th argument: the second half of four horizontal sums."""

    def codegen(context, builder, sig, args):
        def halved(a, b):
            return builder.fadd(_shuffle(builder, a, b, _EVEN4), _shuffle(builder, a, b, _ODD4))

        return halved(halved(*args[:2]), halved(*args[2:]))

    return float32x16(*[float32x16] * 4), codegen
