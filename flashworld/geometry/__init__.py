"""Rotations, similarities and spherical harmonics: mathematics without cameras or scenes."""

from flashworld.geometry.quaternions import matrix_from_quaternion, multiply, quaternion_from_matrix, slerp
from flashworld.geometry.similarity import Similarity

__all__ = ["Similarity", "matrix_from_quaternion", "multiply", "quaternion_from_matrix", "slerp"]
