"""The multiplicative characters against their definition, and on embeddings whose frequencies are known."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import characters, fourier

PRIMES = (2, 3, 5, 7, 13, 113)


@pytest.mark.parametrize("p", PRIMES)
def test_logarithms_undo_powers(p: int) -> None:
    g, log = characters.primitive_root(p), characters.discrete_logarithms(p)
    assert sorted(log) == list(range(p - 1))
    assert [pow(g, int(x), p) for x in log] == list(range(1, p))
    a, b = np.meshgrid(np.arange(1, p), np.arange(1, p))
    np.testing.assert_array_equal(log[a * b % p - 1], (log[a - 1] + log[b - 1]) % (p - 1))


@pytest.mark.parametrize("p", PRIMES)
def test_the_basis_is_orthonormal_and_its_characters_multiply(p: int) -> None:
    basis = characters.multiplicative_basis(p)
    np.testing.assert_allclose(basis @ basis.T, np.eye(p), atol=1e-12)
    assert basis[0, 0] == 1
    assert not basis[0, 1:].any()
    assert not basis[1:, 0].any()
    for k in range(1, (p - 2) // 2 + 1):
        chi = np.sqrt((p - 1) / 2) * (basis[2 * k, 1:] + 1j * basis[2 * k + 1, 1:])
        a, b = np.meshgrid(np.arange(1, p), np.arange(1, p))
        np.testing.assert_allclose(chi[a * b % p - 1], chi[a - 1] * chi[b - 1], atol=1e-12)


def test_the_last_character_is_the_quadratic_one() -> None:
    p = 13
    squares = {a * a % p for a in range(1, p)}
    expected = [1 if a in squares else -1 for a in range(1, p)]
    np.testing.assert_allclose(characters.multiplicative_basis(p)[-1, 1:] * np.sqrt(p - 1), expected, atol=1e-12)


def test_the_energy_of_a_known_embedding_is_found() -> None:
    p, generator = 17, np.random.default_rng(0)
    log = characters.discrete_logarithms(p)
    table = np.zeros((p, 6))
    for k, size in ((3, 2.0), (5, 1.0)):
        angles = 2 * np.pi * k * log / (p - 1)
        table[1:] += size * (np.outer(np.cos(angles), generator.standard_normal(6)) + np.outer(np.sin(angles), np.ones(6)))
    energy = characters.energy_per_character(table)
    assert set(np.flatnonzero(energy > 1e-12) + 1) == {3, 5}
    np.testing.assert_allclose(energy.sum(), (table**2).sum())
    assert characters.effective_number(energy) < 2 < 4 < characters.effective_number(fourier.energy_per_frequency(table))


def test_parseval_over_all_components() -> None:
    table = np.random.default_rng(1).standard_normal((11, 4))
    np.testing.assert_allclose((characters.character_norms(table) ** 2).sum(), (table**2).sum())


def test_the_effective_number_counts_equal_shares() -> None:
    assert characters.effective_number(np.array([0, 2.0, 2, 2, 0])) == pytest.approx(3)
    assert characters.effective_number(np.array([5.0, 0])) == 1
    assert np.isnan(characters.effective_number(np.zeros(4)))


@pytest.mark.parametrize("p", [1, 4, 9, 15])
def test_composite_moduli_are_refused(p: int) -> None:
    with pytest.raises(ValueError, match="must be a prime"):
        characters.discrete_logarithms(p)
