"""NumPy functions generated from what the notes in derivations/ prove; they import NumPy only."""
# ruff: noqa

from __future__ import annotations

from derive.kernels.from_cross_entropy_labels import (
    cross_entropy_hessian,
    cross_entropy_hvp,
    cross_entropy_labels,
    cross_entropy_labels_grad,
    cross_entropy_labels_value_and_grad,
    smoothed_cross_entropy,
    smoothed_cross_entropy_grad,
)
from derive.kernels.from_hidden_activations import (
    relu_network_value_and_grads,
    sigmoid_network_value_and_grads,
    tanh_network_value_and_grads,
)
from derive.kernels.from_logistic import (
    sigmoid,
    sigmoid_derivative,
    softplus,
    softplus_derivative,
)
from derive.kernels.from_mean_cross_entropy import (
    mean_cross_entropy,
    mean_cross_entropy_grad,
    mean_cross_entropy_labels,
    mean_cross_entropy_labels_grad,
    mean_cross_entropy_labels_value_and_grad,
    mean_cross_entropy_value_and_grad,
)
from derive.kernels.from_softmax_products import (
    log_softmax_temperature,
    softmax_jvp,
    softmax_temperature,
    softmax_vjp,
)
from derive.kernels.from_softmax_regression_gradients import (
    softmax_regression_grads,
    softmax_regression_loss,
    softmax_regression_value_and_grads,
)
from derive.kernels.from_negative_log_likelihood import (
    negative_log_likelihood_value_and_grads,
)
from derive.kernels.from_softmax_regression import (
    softmax_regression_example_value_and_grads,
)
from derive.kernels.from_softmax import (
    cross_entropy,
    cross_entropy_grad,
    log_softmax,
    logsumexp,
    softmax,
    softmax_jacobian,
)
from derive.kernels.runtime import set_threads

__all__ = [
    "cross_entropy",
    "cross_entropy_grad",
    "cross_entropy_hessian",
    "cross_entropy_hvp",
    "cross_entropy_labels",
    "cross_entropy_labels_grad",
    "cross_entropy_labels_value_and_grad",
    "log_softmax",
    "log_softmax_temperature",
    "logsumexp",
    "mean_cross_entropy",
    "mean_cross_entropy_grad",
    "mean_cross_entropy_labels",
    "mean_cross_entropy_labels_grad",
    "mean_cross_entropy_labels_value_and_grad",
    "mean_cross_entropy_value_and_grad",
    "negative_log_likelihood_value_and_grads",
    "relu_network_value_and_grads",
    "set_threads",
    "sigmoid",
    "sigmoid_derivative",
    "sigmoid_network_value_and_grads",
    "smoothed_cross_entropy",
    "smoothed_cross_entropy_grad",
    "softmax",
    "softmax_jacobian",
    "softmax_jvp",
    "softmax_regression_example_value_and_grads",
    "softmax_regression_grads",
    "softmax_regression_loss",
    "softmax_regression_value_and_grads",
    "softmax_temperature",
    "softmax_vjp",
    "softplus",
    "softplus_derivative",
    "tanh_network_value_and_grads",
]
