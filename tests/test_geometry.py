"""Laws of rotations, similarities and spherical harmonics."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from flashworld.geometry import (
    Similarity,
    harmonics,
    matrix_from_quaternion,
    multiply,
    quaternion_from_matrix,
    slerp,
)

seeds = st.integers(0, 10_000)


def close(actual: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def random_values(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_unit(*shape: int, seed: int) -> Tensor:
    return torch.nn.functional.normalize(random_values(*shape, seed=seed), dim=-1)


def random_similarity(seed: int, *batch: int) -> Similarity:
    return Similarity(
        random_unit(*batch, 4, seed=seed),
        random_values(*batch, 3, seed=seed + 1),
        random_values(*batch, seed=seed + 2).exp(),
    )


@given(seed=seeds)
def test_the_matrix_of_a_quaternion_is_a_rotation_of_any_length_and_sign(seed: int):
    quaternions = random_values(8, 4, seed=seed)
    matrices = matrix_from_quaternion(quaternions)
    close(matrices @ matrices.mT, torch.eye(3, dtype=torch.float64).expand(8, 3, 3))
    close(torch.linalg.det(matrices), torch.ones(8, dtype=torch.float64))
    close(matrix_from_quaternion(-3 * quaternions), matrices)


def test_a_quaternion_turns_by_its_angle_around_its_axis():
    third = math.tau / 3
    around_y = torch.tensor([math.cos(third / 2), 0, math.sin(third / 2), 0], dtype=torch.float64)
    turned = matrix_from_quaternion(around_y) @ torch.tensor([0.0, 0, 1], dtype=torch.float64)
    close(turned, torch.tensor([math.sin(third), 0, math.cos(third)], dtype=torch.float64))


@given(seed=seeds)
def test_quaternions_come_back_from_their_matrices(seed: int):
    quaternions = random_unit(16, 4, seed=seed)
    back = quaternion_from_matrix(matrix_from_quaternion(quaternions))
    assert (back[:, 0] >= 0).all()
    close(back, torch.where(quaternions[:, :1] < 0, -quaternions, quaternions))


@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 2, 3], [-1, 2, -3]])
@pytest.mark.parametrize("angle", [0, 1e-7, math.pi / 2, math.pi - 1e-7, math.pi])
def test_no_rotation_is_lost_in_float32(axis: list[float], angle: float):
    unit = torch.nn.functional.normalize(torch.tensor(axis, dtype=torch.float64), dim=0)
    quaternion = torch.cat([torch.tensor([math.cos(angle / 2)], dtype=torch.float64), math.sin(angle / 2) * unit])
    matrix = matrix_from_quaternion(quaternion).float()
    close(matrix_from_quaternion(quaternion_from_matrix(matrix)), matrix, 1e-6)


@given(seed=seeds)
def test_a_product_of_quaternions_is_the_product_of_their_matrices(seed: int):
    left, right = random_unit(5, 4, seed=seed), random_unit(5, 4, seed=seed + 1)
    close(matrix_from_quaternion(multiply(left, right)), matrix_from_quaternion(left) @ matrix_from_quaternion(right))


@given(seed=seeds, t=st.floats(0, 1))
def test_slerp_turns_the_short_way_at_a_steady_rate(seed: int, t: float):
    start, end = random_unit(6, 4, seed=seed), random_values(6, 4, seed=seed + 1)
    share = torch.full((6,), t, dtype=torch.float64)
    between = slerp(start, end, share)
    end = torch.nn.functional.normalize(end, dim=-1)
    angle = (start * end).sum(-1).abs().clamp(max=1).acos()
    close(between.norm(dim=-1), torch.ones(6, dtype=torch.float64))
    close((start * between).sum(-1).abs().clamp(max=1).acos(), t * angle, 1e-6)
    close(matrix_from_quaternion(slerp(end, start, 1 - share)), matrix_from_quaternion(between), 1e-8)


@pytest.mark.parametrize("apart", [0, 1e-9, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slerp_between_nearly_equal_orientations_is_finite_and_between(apart: float, dtype: torch.dtype):
    start = torch.tensor([1.0, 0, 0, 0], dtype=dtype)
    end = -torch.tensor([math.cos(apart), math.sin(apart), 0, 0], dtype=dtype)
    middle = slerp(start, end, torch.tensor(0.5, dtype=dtype))
    close(middle, torch.tensor([math.cos(apart / 2), math.sin(apart / 2), 0, 0], dtype=dtype), 2e-7)


@given(seed=seeds)
def test_a_similarity_is_undone_by_its_inverse(seed: int):
    similarity, points = random_similarity(seed, 3), random_values(3, 7, 3, seed=seed + 3)
    close(similarity.inverse().apply(similarity.apply(points)), points, 1e-8)
    orientations = random_unit(3, 7, 4, seed=seed + 4)
    close(similarity.inverse().rotate(similarity.rotate(orientations)), orientations)


@given(seed=seeds)
def test_a_similarity_keeps_shapes(seed: int):
    similarity, points = random_similarity(seed), random_values(7, 3, seed=seed + 3)
    moved = similarity.apply(points)
    close(torch.cdist(moved, moved), similarity.scale * torch.cdist(points, points), 1e-7)
    close(moved, similarity.scale * points @ similarity.matrix.mT + similarity.translation)
    batch = Similarity(similarity.rotation[None], similarity.translation[None], similarity.scale[None])
    close(batch.apply(points[None])[0], moved)
    close(batch[0].apply(points), moved)
    close(
        matrix_from_quaternion(similarity.rotate(random_unit(1, 4, seed=seed))[0]),
        similarity.matrix @ matrix_from_quaternion(random_unit(1, 4, seed=seed))[0],
    )


def test_the_identity_changes_nothing():
    points = torch.randn(4, 3)
    assert torch.equal(Similarity.identity().apply(points), points)


def test_harmonics_are_orthonormal_on_the_sphere():
    """Gauss-Legendre in the height and equal steps around integrate products of degree 6 exactly."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(8)
    height, around = torch.tensor(nodes), torch.arange(16, dtype=torch.float64) * math.tau / 16
    ring = (1 - height**2).sqrt()
    directions = torch.stack(
        [ring[:, None] * around.cos(), ring[:, None] * around.sin(), height[:, None].expand(8, 16)], dim=-1
    )
    values = harmonics.basis(directions, 3)
    gram = torch.einsum("h,hak,hal->kl", torch.tensor(weights), values, values) * math.tau / 16
    close(gram, torch.eye(16, dtype=torch.float64))


def test_harmonics_have_the_signs_and_order_of_gaussian_splatting():
    """Constants of the published CUDA rasteriser of 3D Gaussian splatting, at one direction."""
    x, y, z = direction = torch.nn.functional.normalize(torch.tensor([0.3, -0.5, 0.8], dtype=torch.float64), dim=0)
    expected = torch.stack(
        [
            torch.tensor(0.28209479177387814, dtype=torch.float64),
            -0.4886025119029199 * y,
            0.4886025119029199 * z,
            -0.4886025119029199 * x,
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * z * z - x * x - y * y),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (x * x - y * y),
            -0.5900435899266435 * y * (3 * x * x - y * y),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
            0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
            -0.4570457994644658 * x * (4 * z * z - x * x - y * y),
            1.445305721320277 * z * (x * x - y * y),
            -0.5900435899266435 * x * (x * x - 3 * y * y),
        ]
    )
    for degree in range(4):
        close(harmonics.basis(direction, degree), expected[: harmonics.num_coefficients(degree)])


@given(seed=seeds, degree=st.integers(0, 3))
def test_turned_harmonics_show_along_a_turned_direction_what_they_showed_before(seed: int, degree: int):
    coefficients = random_values(4, harmonics.num_coefficients(degree), 3, seed=seed)
    matrix = matrix_from_quaternion(random_unit(4, seed=seed + 1))
    directions = random_unit(9, 3, seed=seed + 2)
    before = torch.einsum("dk,nkc->ndc", harmonics.basis(directions, degree), coefficients)
    turned = harmonics.rotate(coefficients, matrix)
    after = torch.einsum("dk,nkc->ndc", harmonics.basis(directions @ matrix.mT, degree), turned)
    close(after, before, 1e-8)
    close(turned.norm(dim=1), coefficients.norm(dim=1), 1e-8)


@given(seed=seeds)
def test_turning_mixes_no_degrees_not_even_by_rounding(seed: int):
    plain = torch.zeros(5, 16, 3)
    plain[:, 0] = random_values(5, 3, seed=seed).float()
    turned = harmonics.rotate(plain, matrix_from_quaternion(random_unit(4, seed=seed + 1)))
    assert turned.numpy().tobytes() == plain.numpy().tobytes()


@pytest.mark.parametrize(("num", "degree"), [(1, 0), (4, 1), (9, 2), (16, 3)])
def test_degree_and_number_of_harmonics(num: int, degree: int):
    assert harmonics.num_coefficients(degree) == num
    assert harmonics.degree_of(num) == degree
