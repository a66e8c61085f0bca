# ruff: noqa: E501
"""What a line means: LaTeX in a small context, and the SymPy expressions of its two sides."""

from __future__ import annotations

import pytest

from derive.notes.note import Claim
from derive.notes.reader import read_source

# context, then lines with their left and right sides
TABLE: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        r"Let $z \in \mathbb{R}^N$ and $s_i = \frac{e^{z_i}}{\sum_{l=1}^N e^{z_l}}$.",
        (
            (
                r"\frac{\partial s_i}{\partial z_j} = s_i (\delta_{ij} - s_j)",
                "Derivative(s[i], z[j])",
                "(KroneckerDelta(i, j) - s[j])*s[i]",
            ),
            (r"\frac{\partial s_i}{\partial z_i} = s_i (1 - s_i)", "Derivative(s[i], z[i])", "(1 - s[i])*s[i]"),
            (
                r"\frac{\partial}{\partial z_j} \log s_i = \mathbb{1}\{i = j\} - s_j",
                "Derivative(log(s[i]), z[j])",
                "KroneckerDelta(i, j) - s[j]",
            ),
            (
                r"\partial_{z_j} s_i = [i = j] s_i - s_i s_j",
                "Derivative(s[i], z[j])",
                "KroneckerDelta(i, j)*s[i] - s[i]*s[j]",
            ),
            (
                r"\frac{\partial s}{\partial z} = \operatorname{diag}(s) - s s^\top",
                "Derivative(s[i], z[j])",
                "KroneckerDelta(i, j)*s[i] - s[i]*s[j]",
            ),
            (r"\sum_i s_i = 1", "Sum(s[i], (i, 1, N))", "1"),
            (r"s^\top \mathbf{1} = 1", "Sum(s[i], (i, 1, N))", "1"),
            (r"\mathbf{1}^T s = 1", "Sum(s[i], (i, 1, N))", "1"),
            (
                r"\frac{\partial s_i}{\partial z_j} = \begin{cases} s_i (1 - s_i) & i = j \\ -s_i s_j & i \ne j \end{cases}",
                "Derivative(s[i], z[j])",
                "Piecewise(((1 - s[i])*s[i], Eq(i, j)), (-s[i]*s[j], True))",
            ),
            (
                r"\frac{\partial s_i}{\partial z_j} = \begin{cases} s_i (1 - s_i) & \text{if } i = j \\ -s_i s_j & \text{otherwise} \end{cases}",
                "Derivative(s[i], z[j])",
                "Piecewise(((1 - s[i])*s[i], Eq(i, j)), (-s[i]*s[j], True))",
            ),
            (r"\frac{\partial^2 s_i}{\partial z_j \partial z_k} = 0", "Derivative(s[i], z[j], z[k])", "0"),
            (r"\frac{\partial^3 s_1}{\partial z_1^2 \partial z_2} = 0", "Derivative(s[1], (z[1], 2), z[2])", "0"),
            (r"\sum_{j \ne i} s_j = 1 - s_i", "Sum(Piecewise((s[j], Ne(j, i)), (0, True)), (j, 1, N))", "1 - s[i]"),
            (r"s = \operatorname{softmax}(z)", "s[i]", "exp(z[i])/Sum(exp(z[j]), (j, 1, N))"),
            (r"\prod_i s_i = 1", "Product(s[i], (i, 1, N))", "1"),
            (r"\frac{e^{z_l}}{\sum_l e^{z_l}} = s_l", "exp(z[l])/Sum(exp(z[l_{1}]), (l_{1}, 1, N))", "s[l]"),
            (r"\max_i z_i = \max(z)", "MaxOver(z[i], (i, 1, N))", "MaxOver(z[j], (j, 1, N))"),
            (r"\log \sum_j e^{z_j} = z_i - \log s_i", "log(Sum(exp(z[j]), (j, 1, N)))", "-log(s[i]) + z[i]"),
            (r"\|s\|^2 = \sum_k s_k^2", "Sum(s[i]**2, (i, 1, N))", "Sum(s[k]**2, (k, 1, N))"),
            (
                r"\frac{\partial s_i}{\partial z_j} = \mathrm{Id}_{ij} s_i - s_i s_j",
                "Derivative(s[i], z[j])",
                "KroneckerDelta(i, j)*s[i] - s[i]*s[j]",
            ),
            (r"\nabla_z s_i = s_i (e_i - s)", "Derivative(s[i], z[j])", "(KroneckerDelta(i, j) - s[j])*s[i]"),
            (
                r"z^\top (\operatorname{diag}(s) - s s^\top) z = 0",
                "Sum(z[i]*Sum((KroneckerDelta(i, j)*s[j] - s[i]*s[j])*z[j], (j, 1, N)), (i, 1, N))",
                "0",
            ),
            ("s_{N} = 1", "s[N]", "1"),
            (r"\frac{1}{N} \sum_i z_i = 0", "Sum(z[i], (i, 1, N))/N", "0"),
        ),
    ),
    (
        r"Let $x \in \mathbb{R}$ and $\sigma(x) = \frac{1}{1 + e^{-x}}$.",
        (
            (
                r"\sigma'(x) = \sigma(x) (1 - \sigma(x))",
                r"Subs(Derivative(\sigma(u), u), u, x)",
                r"(1 - \sigma(x))*\sigma(x)",
            ),
            (r"\sigma''(0) = 0", r"Subs(Derivative(\sigma(u), (u, 2)), u, 0)", "0"),
            (r"\sigma(-x) = 1 - \sigma(x)", r"\sigma(-x)", r"1 - \sigma(x)"),
            (r"\frac{d\sigma}{dx} = \sigma(x) \sigma(-x)", r"Derivative(\sigma(x), x)", r"\sigma(-x)*\sigma(x)"),
            (r"\sigma^2(x) = \sigma(x)^2", r"\sigma(x)**2", r"\sigma(x)**2"),
            (
                r"\frac{d}{dx} \sigma(2x) = 2 \sigma'(2x)",
                r"Derivative(\sigma(2*x), x)",
                r"2*Subs(Derivative(\sigma(u), u), u, 2*x)",
            ),
            (r"\left. \frac{d \sigma}{dx} \right|_{x=0} = \frac14", r"Subs(Derivative(\sigma(x), x), x, 0)", "1/4"),
            (r"\tanh x = 2 \sigma(2x) - 1", "tanh(x)", r"2*\sigma(2*x) - 1"),
            (r"\tanh \frac{x}{2} = 2 \sigma(x) - 1", "tanh(x/2)", r"2*\sigma(x) - 1"),
            (r"\log \sigma(x) = -\log(1 + e^{-x})", r"log(\sigma(x))", "-log(1 + exp(-x))"),
            (r"|x| = \max(x, -x)", "Abs(x)", "Max(-x, x)"),
            (r"\operatorname{relu}(x) = x \mathbb{1}\{x > 0\}", "Max(0, x)", "x*Piecewise((1, x > 0), (0, True))"),
            (r"\operatorname{sign}(x) |x| = x", "Abs(x)*sign(x)", "x"),
            (r"\sqrt{x^2} = |x|", "Abs(x)", "Abs(x)"),
            (r"\log_2 8 = 3", "log(8)/log(2)", "3"),
            ("e^{2x} = (e^x)^2", "exp(2*x)", "exp(2*x)"),
            (r"\frac{d}{dx} x^n = n x^{n-1}", "Derivative(x**n, x)", "n*x**(n - 1)"),
            (r"\frac12 x \cdot 2 = x", "x", "x"),
            (r"0.5 x = \frac{x}{2}", "x/2", "x/2"),
            (r"\sin^2 x + \cos^2 x = 1", "sin(x)**2 + cos(x)**2", "1"),
            (r"\operatorname{erf}(-x) = -\operatorname{erf}(x)", "-erf(x)", "-erf(x)"),
            (r"\sqrt[4]{x^4} = |x|", "Abs(x)", "Abs(x)"),
            (r"\min(x, 0) = -\max(-x, 0)", "Min(0, x)", "-Max(0, -x)"),
            (
                r"x = \begin{cases} x & x > 0 \\ -|x| & x \le 0 \end{cases}",
                "x",
                "Piecewise((x, x > 0), (-Abs(x), x <= 0))",
            ),
            (r"\exp(-x) = e^{-x}", "exp(-x)", "exp(-x)"),
            (r"2^x = e^{x \ln 2}", "2**x", "exp(x*log(2))"),
            (r"\pi x = x \pi", "pi*x", "pi*x"),
        ),
    ),
    (
        r"Let $A, B \in \mathbb{R}^{n \times n}$, $x, y \in \mathbb{R}^n$ and $c \in \mathbb{R}$.",
        (
            (r"(A B)^\top = B^\top A^\top", "Sum(A[j, k]*B[k, i], (k, 1, n))", "Sum(A[j, l]*B[l, i], (l, 1, n))"),
            (
                r"(A B)_{ij} = \sum_k A_{ik} B_{kj}",
                "Sum(A[i, l]*B[l, j], (l, 1, n))",
                "Sum(A[i, k]*B[k, j], (k, 1, n))",
            ),
            (r"A_{12} = A_{21}", "A[1, 2]", "A[2, 1]"),
            (r"\frac{\partial A_{12}}{\partial A_{11}} = x_{12}", "Derivative(A[1, 2], A[1, 1])", "x[12]"),
            (
                r"\operatorname{tr}(A B) = \operatorname{tr}(B A)",
                "Sum(Sum(A[i, j]*B[j, i], (j, 1, n)), (i, 1, n))",
                "Sum(Sum(A[l, k]*B[k, l], (l, 1, n)), (k, 1, n))",
            ),
            (
                r"x^\top A y = \sum_{i,j} x_i A_{ij} y_j",
                "Sum(y[k]*Sum(A[l, k]*x[l], (l, 1, n)), (k, 1, n))",
                "Sum(A[i, j]*x[i]*y[j], (j, 1, n), (i, 1, n))",
            ),
            (
                r"\nabla_x (x^\top A x) = (A + A^\top) x",
                "Derivative(Sum(x[j]*Sum(A[k, j]*x[k], (k, 1, n)), (j, 1, n)), x[i])",
                "Sum((A[i, l] + A[l, i])*x[l], (l, 1, n))",
            ),
            (
                r"\nabla_x^2 (x^\top A x) = A + A^\top",
                "Derivative(Sum(x[k]*Sum(A[l, k]*x[l], (l, 1, n)), (k, 1, n)), x[i], x[j])",
                "A[i, j] + A[j, i]",
            ),
            (r"\frac{\partial x^\top y}{\partial x} = y^\top", "Derivative(Sum(x[j]*y[j], (j, 1, n)), x[i])", "y[i]"),
            (r"\frac{\partial A x}{\partial x} = A", "Derivative(Sum(A[i, k]*x[k], (k, 1, n)), x[j])", "A[i, j]"),
            (
                r"\frac{\partial \operatorname{tr}(A B)}{\partial A} = B",
                "Derivative(Sum(Sum(A[k, l]*B[l, k], (l, 1, n)), (k, 1, n)), A[j, i])",
                "B[i, j]",
            ),
            ("(A^{-1})_{ij} = 0", "InverseEntry(A[k, l], (k, 1, n), (l, 1, n), i, j)", "0"),
            (
                r"\det(A B) = \det A \det B",
                "Det(Sum(A[i, k]*B[k, j], (k, 1, n)), (i, 1, n), (j, 1, n))",
                "Det(A[l, m], (l, 1, n), (m, 1, n))*Det(B[a, b], (a, 1, n), (b, 1, n))",
            ),
            (
                "A A^{-1} = I",
                "Sum(A[i, k]*InverseEntry(A[l, m], (l, 1, n), (m, 1, n), k, j), (k, 1, n))",
                "KroneckerDelta(i, j)",
            ),
            (
                "A^{-T} = (A^T)^{-1}",
                "InverseEntry(A[k, l], (k, 1, n), (l, 1, n), j, i)",
                "InverseEntry(A[a, m], (m, 1, n), (a, 1, n), i, j)",
            ),
            ("A^2 = A A", "Sum(A[i, k]*A[k, j], (k, 1, n))", "Sum(A[i, l]*A[l, j], (l, 1, n))"),
            (
                r"\|A\|_F^2 = \operatorname{tr}(A^\top A)",
                "Sum(A[i, j]**2, (i, 1, n), (j, 1, n))",
                "Sum(Sum(A[l, k]**2, (l, 1, n)), (k, 1, n))",
            ),
            (r"\langle x, y \rangle = x \cdot y", "Sum(x[i]*y[i], (i, 1, n))", "Sum(x[j]*y[j], (j, 1, n))"),
            (r"x \odot y = \operatorname{diag}(x) y", "x[i]*y[i]", "Sum(KroneckerDelta(i, j)*x[i]*y[j], (j, 1, n))"),
            (r"x \otimes y = x y^\top", "x[i]*y[j]", "x[i]*y[j]"),
            ("(x + c)_i = x_i + c", "c + x[i]", "c + x[i]"),
            ("c I x = c x", "Sum(c*KroneckerDelta(i, j)*x[j], (j, 1, n))", "c*x[i]"),
            ("A_{i:} x = (A x)_i", "Sum(A[i, j]*x[j], (j, 1, n))", "Sum(A[i, k]*x[k], (k, 1, n))"),
            ("A_{:j} = A e_j", "A[i, j]", "Sum(KroneckerDelta(j, k)*A[i, k], (k, 1, n))"),
            (r"\|x\|_1 = \sum_i |x_i|", "Sum(Abs(x[j]), (j, 1, n))", "Sum(Abs(x[i]), (i, 1, n))"),
            (r"\frac{x}{\|x\|} = 0", "x[i]/sqrt(Sum(x[j]**2, (j, 1, n)))", "0"),
            (
                r"\tanh(A x)_i = \tanh(\sum_j A_{ij} x_j)",
                "tanh(Sum(A[i, k]*x[k], (k, 1, n)))",
                "tanh(Sum(A[i, j]*x[j], (j, 1, n)))",
            ),
            (r"1 - x \odot x = (1 - x) \odot (1 + x)", "1 - x[i]**2", "(1 - x[i])*(x[i] + 1)"),
            (
                r"\mathbf{1}^\top A \mathbf{1} = \sum_{i,j} A_{ij}",
                "Sum(Sum(A[l, k], (l, 1, n)), (k, 1, n))",
                "Sum(A[i, j], (j, 1, n), (i, 1, n))",
            ),
            (
                r"x^\top x \, y^\top y = (x^\top x) (y^\top y)",
                "Sum(y[i]**2*Sum(x[j]**2, (j, 1, n)), (i, 1, n))",
                "Sum(x[k]**2, (k, 1, n))*Sum(y[l]**2, (l, 1, n))",
            ),
            (
                r"[c, x^\top] [c, x^\top]^\top = c^2 + \|x\|^2",
                "Sum(Piecewise((c**2, Eq(i, 0)), (x[i]**2, True)), (i, 0, n))",
                "c**2 + Sum(x[j]**2, (j, 1, n))",
            ),
            (
                r"|\det A| = \sqrt{\det(A)^2}",
                "Abs(Det(A[i, j], (i, 1, n), (j, 1, n)))",
                "Abs(Det(A[k, l], (k, 1, n), (l, 1, n)))",
            ),
            (r"0 + A' = A^\top", "A[j, i]", "A[j, i]"),
            (
                r"\nabla_A \log \det A = A^{-\top}",
                "Derivative(log(Det(A[k, l], (k, 1, n), (l, 1, n))), A[i, j])",
                "InverseEntry(A[m, a], (m, 1, n), (a, 1, n), j, i)",
            ),
            (r"\frac{\partial c}{\partial x} = 0", "Derivative(c, x[i])", "0"),
        ),
    ),
    (
        r"Let $X \in \mathbb{R}^{N \times D}$, $W \in \mathbb{R}^{D \times K}$, $b \in \mathbb{R}^K$, $Y = X W + \mathbf{1} b^\top$ and let $L$ be a function of $Y$.",
        (
            (r"Y_{nk} = \sum_d X_{nd} W_{dk} + b_k", "Y[n, k]", "b[k] + Sum(W[d, k]*X[n, d], (d, 1, D))"),
            (r"Y_{n\cdot} = X_{n\cdot} W + b^\top", "Y[n, i]", "b[i] + Sum(W[j, i]*X[n, j], (j, 1, D))"),
        ),
    ),
    (
        r"Let $X \in \mathbb{R}^{N \times D}$, $W \in \mathbb{R}^{D \times K}$, $Y = X W$ and $L : \mathbb{R}^{N \times K} \to \mathbb{R}$.",
        (
            (
                r"\frac{\partial L}{\partial W_{dk}} = \sum_n X_{nd} \frac{\partial L}{\partial Y_{nk}}",
                "Derivative(L, W[d, k])",
                "Sum(Derivative(L, Y[n, k])*X[n, d], (n, 1, N))",
            ),
            (
                r"\nabla_W L = X^\top \nabla_Y L",
                "Derivative(L, W[i, j])",
                "Sum(Derivative(L, Y[k, j])*X[k, i], (k, 1, N))",
            ),
            (
                r"\frac{\partial L}{\partial W} = \frac{\partial L}{\partial Y} X",
                "Derivative(L, W[j, i])",
                "Sum(Derivative(L, Y[k, i])*X[k, j], (k, 1, N))",
            ),
        ),
    ),
    (
        r"Let $z \in \mathbb{R}^K$, $y \in \{1, \dots, K\}$, $t_b \in \{0, \dots, V-1\}$, $x \in \mathbb{R}^{B \times V}$.",
        (
            (r"z_y = \sum_k \mathbb{1}\{k = y\} z_k", "z[y]", "Sum(KroneckerDelta(k, y)*z[k], (k, 1, K))"),
            (r"\frac{\partial z_y}{\partial z_k} = \delta_{ky}", "Derivative(z[y], z[k])", "KroneckerDelta(k, y)"),
            (
                r"\sum_v x_{bv} \mathbb{1}_{v = t_b} = x_{b t_b}",
                "Sum(KroneckerDelta(v, t[b])*x[b, v], (v, 0, V - 1))",
                "x[b, t[b]]",
            ),
            (r"z^\top e_y = z_y", "Sum(KroneckerDelta(i, y)*z[i], (i, 1, K))", "z[y]"),
        ),
    ),
    (
        r"Let $x_n \in \mathbb{R}^D$ for $n = 1, \dots, N$ and $w \in \mathbb{R}^D$.",
        (
            (r"w^\top x_n = \sum_{d=1}^D w_d x_{nd}", "Sum(w[i]*x[n, i], (i, 1, D))", "Sum(w[d]*x[n, d], (d, 1, D))"),
            (
                r"\nabla_w (w^\top x_n)^2 = 2 (w^\top x_n) x_n",
                "Derivative(Sum(w[j]*x[n, j], (j, 1, D))**2, w[i])",
                "2*x[n, i]*Sum(w[k]*x[n, k], (k, 1, D))",
            ),
            (
                r"\sum_n x_n x_n^\top w = \sum_n (x_n^\top w) x_n",
                "Sum(Sum(w[j]*x[n, i]*x[n, j], (j, 1, D)), (n, 1, N))",
                "Sum(x[n, i]*Sum(w[k]*x[n, k], (k, 1, D)), (n, 1, N))",
            ),
        ),
    ),
    (
        r"Let $x^{(i)} \in \mathbb{R}^d$ for $i = 0, \dots, m-1$, $\theta \in \mathbb{R}^d$.",
        (
            (
                r"\theta^T x^{(i)} = \sum_j \theta_j x^{(i)}_j",
                r"Sum(\theta[k]*x[i, k], (k, 1, d))",
                r"Sum(\theta[j]*x[i, j], (j, 1, d))",
            ),
            (r"\sum_{i=0}^{m-1} x_j^{(i)} = 0", "Sum(x[i, j], (i, 0, m - 1))", "0"),
        ),
    ),
    (
        r"Let $F(x) = \log \sum_{i=1}^n e^{x_i}$ with $x \in \mathbb{R}^n$, and let $m \in \mathbb{R}$.",
        (
            (r"F(x + m \mathbf{1}) = F(x) + m", "log(Sum(exp(m + x[i]), (i, 1, n)))", "F + m"),
            ("F(2 x) = 2 F(x)", "log(Sum(exp(2*x[i]), (i, 1, n)))", "2*F"),
            (r"\frac{\partial F}{\partial x_i} = e^{x_i - F(x)}", "Derivative(F, x[i])", "exp(-F + x[i])"),
            (r"\nabla F = \nabla_x F", "Derivative(F, x[i])", "Derivative(F, x[i])"),
            (r"F(0) = \log n", "log(Sum(1, (i, 1, n)))", "log(n)"),
            ("F(x)^2 = F^2(x)", "F**2", "F**2"),
        ),
    ),
    (
        r"Let $\beta \in \mathbb{R}$, $t \in \mathbb{N}$ and $a \in \mathbb{R}^n$.",
        (
            (r"\sum_{i=0}^{t-1} \beta^i = 1", r"Sum(\beta**i, (i, 0, t - 1))", "1"),
            (r"\sum_{i=1}^n i a_i = 0", "Sum(i*a[i], (i, 1, n))", "0"),
            (r"\sum_{i=2}^n a_i = 0", "Sum(a[i], (i, 2, n))", "0"),
            (r"\sum_{i=1}^{n-1} a_i a_{i+1} = 0", "Sum(a[i + 1]*a[i], (i, 1, n - 1))", "0"),
            (
                r"\prod_{i \ne j} (a_i - a_j) = 0",
                "Product(Piecewise((a[i] - a[j], Ne(i, j)), (1, True)), (i, 1, n), (j, 1, n))",
                "0",
            ),
            (r"a_1 + a_2 + \dots + a_n = 0", "Sum(a[l], (l, 1, n))", "0"),
            (r"a_1 a_2 \cdots a_n = 0", "Product(a[l], (l, 1, n))", "0"),
            (r"a = (a_1, a_2, \dots, a_n)", "a[k]", "a[k]"),
            (r"1 + \beta + \beta^2 + \dots + \beta^t = 0", r"\beta + Sum(\beta**l, (l, 2, t)) + 1", "0"),
            (r"\sum_{i=1}^n \sum_{j=1}^i a_j = 0", "Sum(Sum(a[j], (j, 1, i)), (i, 1, n))", "0"),
        ),
    ),
    (
        r"Let $f : \mathbb{R} \to \mathbb{R}$ and $x \in \mathbb{R}^n$, $u \in \mathbb{R}$.",
        (
            (
                r"\frac{d}{du} f(f(u)) = f'(f(u)) f'(u)",
                "Derivative(f(f(u)), u)",
                "Subs(Derivative(f(u'), u'), u', u)*Subs(Derivative(f(u'), u'), u', f(u))",
            ),
            (
                r"\frac{\partial}{\partial x_i} \sum_j f(x_j) = f'(x_i)",
                "Derivative(Sum(f(x[j]), (j, 1, n)), x[i])",
                "Subs(Derivative(f(u), u), u, x[i])",
            ),
            (
                r"\nabla_x f(\|x\|^2) = 2 f'(\|x\|^2) x",
                "Derivative(f(Sum(x[j]**2, (j, 1, n))), x[i])",
                "2*x[i]*Subs(Derivative(f(u), u), u, Sum(x[k]**2, (k, 1, n)))",
            ),
            (r"f(x) \odot f(x) = f^2(x)", "f(x[i])**2", "f(x[i])**2"),
        ),
    ),
    (  # sums that end later than their sign says
        r"Let $u = 2$, $a, b \in \mathbb{R}^N$, $W \in \mathbb{R}^{N \times M}$, $i, k = 1, \dots, N$ and $c \in \{1, \dots, N\}$.",
        (
            (r"u = \sum_i a_i + b_i", "u", "Sum(a[i] + b[i], (i, 1, N))"),
            (r"u = -\frac{1}{N} \sum_i a_i - b_i + 1", "u", "1 - Sum(a[i] - b[i], (i, 1, N))/N"),
            (r"u = \sum_i \sum_j W_{ij} + b_i", "u", "Sum(b[i] + Sum(W[i, j], (j, 1, M)), (i, 1, N))"),
            (r"u = \sum_i \sum_j W_{ij} + W_{ij}^2", "u", "Sum(Sum(W[i, j]**2 + W[i, j], (j, 1, M)), (i, 1, N))"),
            (r"b_i = \sum_i a_i + b_i", "b[i]", "b[i] + Sum(a[i_{1}], (i_{1}, 1, N))"),
            (r"u = \sum_c a_c + b_c", "u", "b[c] + Sum(a[c_{1}], (c_{1}, 1, N))"),
            (r"u = \sum_i a_i + b_k", "u", "b[k] + Sum(a[i], (i, 1, N))"),
        ),
    ),
    (
        r"Let $u, v \in \mathbb{R}^n$, $f : \mathbb{R}^n \to \mathbb{R}$ and $g(u) = e^{f(u)}$.",
        (
            (r"\nabla_u g = g(u) \nabla f(u)", "Derivative(g, u[i])", "g*Derivative(f, u[i])"),
            (
                r"\nabla \nabla f(u) = \nabla f(u) \nabla f(u)^\top",
                "Derivative(f, u[i], u[j])",
                "Derivative(f, u[i])*Derivative(f, u[j])",
            ),
            (r"\nabla f(u)_i = v_i", "Derivative(f, u[i])", "v[i]"),
            (
                r"\nabla f(u) (v^\top v) = v",
                "Derivative(f, u[i])*Sum(v[j]**2, (j, 1, n))",
                "v[i]",
            ),
        ),
    ),
    (
        r"Let $W_{hx} \in \mathbb{R}^{h \times d}$, $W_{hh} \in \mathbb{R}^{h \times h}$ and $x \in \mathbb{R}^d$.",
        (
            (
                r"W_{hx} x = W_{hh} W_{hx} x",
                "Sum(W_{hx}[i, j]*x[j], (j, 1, d))",
                "Sum(x[k]*Sum(W_{hh}[i, l]*W_{hx}[l, k], (l, 1, h)), (k, 1, d))",
            ),
        ),
    ),
    (
        r"Let $p, g \in \mathbb{R}^n$, $m(p) = g^\top p$ and $q = 2 g$.",
        ((r"m(p) - m(q) = m(p - q)", "m - Sum(g[i]*q[i], (i, 1, n))", "Sum((p[j] - q[j])*g[j], (j, 1, n))"),),
    ),
    (
        r"Let $u_o \in \mathbb{R}^d$ and $u_k \in \mathbb{R}^d$ for $k = 1, \dots, K$.",
        ((r"\sum_{k=1}^K u_k = u_o", "Sum(u[k, i], (k, 1, K))", "u_o[i]"),),
    ),
    (
        r"Let $W \in \mathbb{R}^{n \times m}$, $v \in \mathbb{R}^m$, $b \in \mathbb{R}^n$, $X \in \mathbb{R}^{m \times N}$ and $Z = W X + b$.",
        (
            (r"W_i v = b_i", "Sum(W[i, j]*v[j], (j, 1, m))", "b[i]"),
            (r"Z_{ik} - b_i = \sum_j W_{ij} X_{jk}", "Z[i, k] - b[i]", "Sum(W[i, j]*X[j, k], (j, 1, m))"),
        ),
    ),
    (
        r"Let $A \in \mathbb{R}^{1 \times n}$ and $W^{[1]}, W^{[2]} \in \mathbb{R}^{m \times n}$.",
        (
            (r"A_{1i} = A_{1i}^2", "A[i]", "A[i]**2"),
            (
                r"W^{[1]T} W^{[2]} = W^{[2]\top} W^{[1]}",
                "Sum(W^{(1)}[k, i]*W^{(2)}[k, j], (k, 1, m))",
                "Sum(W^{(1)}[l, j]*W^{(2)}[l, i], (l, 1, m))",
            ),
        ),
    ),
    (
        r"Let $P, d \in \mathbb{R}^{n \times n}$. Let $\mathbf{dS}_{ij} = 2 P_{ij}$.",
        ((r"\mathbf{dS} = P", "dS[i, j]", "P[i, j]"),),
    ),
    (
        r"Let $x_0, x_t \in \mathbb{R}^n$ and $\mu = x_t - x_0$.",
        ((r"\mu + x_0 = x_t", "\\mu[i] + x_0[i]", "x_t[i]"),),
    ),
    (
        r"Let $z \in \mathbb{R}^{N \times K}$ and $N_k = \sum_{n=1}^N z_{nk}$.",
        ((r"\frac{N_k}{N} = \frac{1}{N} \sum_{n=1}^N z_{nk}", "\\mathrm{N}[k]/N", "Sum(z[n, k], (n, 1, N))/N"),),
    ),
    (
        r"Let $A, B, O \in \mathbb{R}^{n \times n}$ and $O^{(1)}_{ik} = A_{ik} + O_{ik}$.",
        ((r"O^{(1)} - O = A", "-O[i, j] + O^{(1)}[i, j]", "A[i, j]"),),
    ),
)


def claims(context: str, line: str) -> tuple[Claim, ...]:
    return read_source(f"{context}\n\n$$0 + 0 = 0$$\n\n$${line}$$\n").claims[1:]


@pytest.mark.parametrize(("context", "line", "left", "right"), [(c, *row) for c, rows in TABLE for row in rows])
def test_meaning(context: str, line: str, left: str, right: str) -> None:
    (claim,) = claims(context, line)
    assert (str(claim.left), str(claim.right)) == (left, right)
    assert claim.problem is None
