"""Folding changes the number of steps and never the result."""

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from weights.folding import fold_affine, fold_turned_constants

Array = npt.NDArray[np.float32]
RANDOM = np.random.default_rng(0)
PER_CHANNEL = RANDOM.standard_normal((1, 4, 1, 1)).astype(np.float32)
IMAGES = RANDOM.standard_normal((2, 3, 6, 6)).astype(np.float32)


def network(
    steps: list[tuple[str, Array]],
    *,
    swapped: bool = False,
    bias: bool = True,
    second_reader: bool = False,
) -> onnx.ModelProto:
    """Convolution and then steps; ``swapped`` puts the constant first."""
    constants = {"kernel": RANDOM.standard_normal((4, 3, 3, 3)).astype(np.float32)}
    if bias:
        constants["bias"] = RANDOM.standard_normal(4).astype(np.float32)
    nodes = [helper.make_node("Conv", ["image", *constants], ["v0"])]
    for index, (operation, constant) in enumerate(steps):
        constants[f"c{index}"] = constant
        operands = [f"v{index}", f"c{index}"]
        if swapped:
            operands.reverse()
        nodes.append(helper.make_node(operation, operands, [f"v{index + 1}"]))
    last = f"v{len(steps)}"
    if second_reader:
        nodes.append(helper.make_node("Add", ["v0", last], ["both"]))
        last = "both"
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 6, 6])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(model: onnx.ModelProto) -> Array:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: Array = session.run(None, {"image": IMAGES})[0]
    return result


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("swapped", [True, False])
@pytest.mark.parametrize(
    "steps",
    [
        [("Mul", PER_CHANNEL)],
        [("Add", PER_CHANNEL[0])],
        [("Mul", np.full((1,), 3, np.float32)), ("Add", np.full((), 2, np.float32))],
        [("Add", PER_CHANNEL), ("Mul", PER_CHANNEL), ("Add", -2 * PER_CHANNEL)],
    ],
)
def test_a_folded_network_computes_the_same_in_one_step(
    steps: list[tuple[str, Array]], swapped: bool, bias: bool
) -> None:
    model = network(steps, swapped=swapped, bias=bias)
    expected = run(model)
    assert fold_affine(model.graph) == len(steps)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    np.testing.assert_allclose(run(model), expected, rtol=1e-4, atol=1e-4)


def test_batch_normalisation_as_keras_writes_it_is_folded() -> None:
    model = network([("Sub", PER_CHANNEL), ("Mul", PER_CHANNEL), ("Add", PER_CHANNEL)])
    expected = run(model)
    assert fold_affine(model.graph) == 3
    np.testing.assert_allclose(run(model), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        network([("Sub", PER_CHANNEL)], swapped=True),  # c - x turns the sign of the kernel
        network([("Mul", RANDOM.random((1, 1, 1, 4)).astype(np.float32))]),  # along the width
        network([("Mul", PER_CHANNEL)], second_reader=True),
        network([("Div", PER_CHANNEL)]),
        network([("Add", RANDOM.random((2, 4, 1, 1)).astype(np.float32))]),  # along the batch
    ],
    ids=["subtracted from", "along the width", "read twice", "divided", "along the batch"],
)
def test_what_does_not_belong_to_a_channel_stays(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    assert fold_affine(model.graph) == 0
    assert model.SerializeToString() == before


def test_a_constant_of_two_convolutions_is_not_changed_for_both() -> None:
    model = network([("Mul", PER_CHANNEL)])
    model.graph.node.append(helper.make_node("Conv", ["image", "kernel", "bias"], ["other"]))
    model.graph.node.append(helper.make_node("Add", ["v1", "other"], ["sum"]))
    model.graph.output[0].name = "sum"
    expected = run(model)
    assert fold_affine(model.graph) == 1
    np.testing.assert_allclose(run(model), expected, rtol=1e-4, atol=1e-4)


def test_a_turned_kernel_is_computed_beforehand() -> None:
    model = network([])
    turned = RANDOM.standard_normal((3, 3, 12)).astype(np.float32)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(turned, "raw"),
            numpy_helper.from_array(np.array([3, 3, 3, 4]), "s"),
        ]
    )
    nodes = [
        helper.make_node("Reshape", ["raw", "s"], ["shaped"]),
        helper.make_node("Transpose", ["shaped"], ["turned"], perm=[3, 2, 0, 1]),
    ]
    convolution = model.graph.node.pop()
    convolution.input[1] = "turned"
    model.graph.node.extend([*nodes, convolution])
    expected = run(model)
    assert fold_turned_constants(model.graph) == 2
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    assert np.array_equal(run(model), expected)
