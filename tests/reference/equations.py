"""The equations of the paper, transcribed literally and slowly.

Loops over atoms, beads, edges and channels on torch scalars; nothing is hoisted out
of a sum, nothing shared, nothing batched. Features are lists: ``h[i][c]`` is a
scalar, ``v[i][c]`` a tensor of three components. Positions are lists of tensors of
three components [A]. Weights are read from the modules under test.
"""

import math

import torch

# ------------------------------------------------------------ networks


def dense(linear, x):
    """One linear layer on a list of scalars."""
    y = []
    for row in range(linear.out_features):
        total = sum(linear.weight[row, k] * x[k] for k in range(len(x)))
        y.append(total if linear.bias is None else total + linear.bias[row])
    return y


def network(layers, x):
    """Linear, swish, linear; swish(x) = x * sigmoid(x)."""
    hidden = [y / (1 + torch.exp(-y)) for y in dense(layers[0], x)]
    return dense(layers[2], hidden)


# ------------------------------------------------------------ appendix D


def distance(a, b):
    return torch.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)


def neighbours(i, positions, cutoff):
    return [
        j
        for j in range(len(positions))
        if j != i and distance(positions[i], positions[j]) < cutoff
    ]


def radial_basis(d, n_radial, cutoff):
    """sin(n pi d / d_cut) / d for n = 1..K, each times the cosine cutoff; then that."""
    if d >= cutoff:
        return [0 * d for _ in range(n_radial + 1)]
    envelope = (torch.cos(math.pi * d / cutoff) + 1) / 2
    waves = []
    for n in range(1, n_radial + 1):
        if d == 0:  # the limit; its slope is zero
            waves.append(n * math.pi / cutoff * envelope)
        else:
            waves.append(torch.sin(n * math.pi / cutoff * d) / d * envelope)
    return [*waves, envelope]


def linear_filter(matrix, column, basis):
    """One filter of a distance: linear in the basis, the envelope for its bias."""
    return sum(matrix[k, column] * basis[k] for k in range(len(basis)))


# ------------------------------------------------------------ Eqs. 2, 3, 4 and E.1


def invariant_message(module, positions, h, n_radial, cutoff):
    """sum over j in N(i) of L3(RBF(d_ij)) o L4(h_i o h_j), without the residual."""
    n, n_channels = len(h), len(h[0])
    change = [[torch.zeros(()) for _ in range(n_channels)] for _ in range(n)]
    for i in range(n):
        for j in neighbours(i, positions, cutoff):
            basis = radial_basis(distance(positions[i], positions[j]), n_radial, cutoff)
            if module.messages == "product":
                argument = [h[i][c] * h[j][c] for c in range(n_channels)]
            else:
                argument = [h[j][c] for c in range(n_channels)]
            gate = network(module.network, argument)
            for c in range(n_channels):
                weight = linear_filter(module.filters, c, basis)
                change[i][c] = change[i][c] + weight * gate[c] / module.degree
    return change


def add(first, second):
    return [
        [a + b for a, b in zip(x, y, strict=True)]
        for x, y in zip(first, second, strict=True)
    ]


def pooled(filters, layers, atoms, beads, bead_of_atom, h, bead_features, options):
    """H_I + sum over i in C_I of L3'(RBF(d_iI)) o L4'(h_i): Eq. 3."""
    result = [list(row) for row in bead_features]
    for bead in range(len(beads)):
        for i in range(len(atoms)):
            if bead_of_atom[i] != bead:
                continue
            basis = radial_basis(
                _own_distance(atoms[i], beads[bead]),
                options.n_radial,
                options.bead_cutoff,
            )
            gate = network(layers, h[i])
            for c in range(options.n_channels):
                weight = linear_filter(filters, c, basis)
                result[bead][c] = (
                    result[bead][c] + weight * gate[c] / options.pool_degree
                )
    return result


def _own_distance(atom, bead):
    # The square root has no slope where an atom is its own bead.
    return torch.zeros(()) if torch.equal(atom, bead) else distance(atom, bead)


def encoder(module, atoms, beads, bead_of_atom, types):
    """The whole posterior: Eqs. 2, 3 and 4 in turn, then the two heads."""
    o = module.config
    h = [[module.embedding.weight[t, c] for c in range(o.n_channels)] for t in types]
    big_h = [[torch.zeros(()) for _ in range(o.n_channels)] for _ in beads]
    for layer in range(o.encoder_layers):
        change = invariant_message(
            module.atom_messages[layer], atoms, h, o.n_radial, o.atom_cutoff
        )
        h = add(h, change)  # h^{t+1}, which Eq. 3 pools
        tilde = pooled(
            module.pool_filters[layer],
            module.pool_networks[layer],
            atoms,
            beads,
            bead_of_atom,
            h,
            big_h,
            o,
        )
        change = invariant_message(
            module.bead_messages[layer], beads, tilde, o.n_radial, o.bead_cutoff
        )
        big_h = add(big_h, change)  # Eq. 4: onto H_I^t, not onto its pooled form
    return heads(module.head, big_h)


def prior(module, beads, bead_of_atom, types):
    """The whole prior: H_I^0 is the sum of the fingerprints of the atoms of I."""
    o = module.config
    h = [[torch.zeros(()) for _ in range(o.n_channels)] for _ in beads]
    for i, t in enumerate(types):
        for c in range(o.n_channels):
            h[bead_of_atom[i]][c] = (
                h[bead_of_atom[i]][c] + module.embedding.weight[t, c] / o.pool_degree
            )
    for message in module.messages:
        h = add(h, invariant_message(message, beads, h, o.n_radial, o.bead_cutoff))
    return heads(module.head, h)


def heads(module, features, smallest_std=1e-6):
    mean = [network(module.mean, row) for row in features]
    std = [
        [smallest_std + torch.exp(s / 2) for s in network(module.log_variance, row)]
        for row in features
    ]
    return _table(mean), _table(std)


def _table(rows):
    return torch.stack([torch.stack(list(row)) for row in rows])


# ------------------------------------------------------------ Eqs. 5, 6 and 8

# Where the columns of each of the nine filters begin, in units of F.
COLUMN = {name: k for k, name in enumerate([1, 4, 5, 6, 9, 2, 3, 7, 8])}


def cross(a, b):
    return torch.stack(
        [
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        ]
    )


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def equivariant_message(module, beads, h, h_bar, v, v_bar, n_radial, cutoff):
    """The four changes of Eq. 5, every product inside the sum over J."""
    n, n_channels = len(h), len(h[0])
    zero, zeros = torch.zeros(()), torch.zeros(3)
    d_h = [[zero] * n_channels for _ in range(n)]
    d_h_bar = [[zero] * n_channels for _ in range(n)]
    d_v = [[zeros] * n_channels for _ in range(n)]
    d_v_bar = [[zeros] * n_channels for _ in range(n)]
    for i in range(n):
        for j in neighbours(i, beads, cutoff):
            d = distance(beads[i], beads[j])
            direction = (beads[j] - beads[i]) / d  # E_IJ
            basis = radial_basis(d, n_radial, cutoff)
            gates = network(module.network, h[j])  # L(H_J)
            for c in range(n_channels):
                w = {}
                for number in range(1, 10):
                    column = COLUMN[number] * n_channels + c
                    w[number] = (
                        linear_filter(module.filters, column, basis) * gates[column]
                    )
                d_h[i][c] = d_h[i][c] + w[1] * h[j][c]
                d_h_bar[i][c] = d_h_bar[i][c] + dot(v[j][c], v_bar[j][c])
                d_v[i][c] = (
                    d_v[i][c]
                    + w[2] * cross(v[i][c], v_bar[j][c])
                    + w[3] * h_bar[i][c] * v_bar[j][c]
                    + w[4] * direction
                    + w[5] * v[j][c]
                )
                d_v_bar[i][c] = (
                    d_v_bar[i][c]
                    + w[6] * cross(v[i][c], v[j][c])
                    + w[7] * cross(v_bar[i][c], v_bar[j][c])
                    + w[8] * v_bar[j][c]
                    + w[9] * h_bar[i][c] * v[j][c]
                )
    return tuple(
        [[x / module.degree for x in row] for row in table]
        for table in (d_h, d_h_bar, d_v, d_v_bar)
    )


def mixed(linear, vectors):
    """W V: a matrix on the channels of the vectors of one bead."""
    n_channels = len(vectors)
    return [
        sum(linear.weight[c, k] * vectors[k] for k in range(n_channels))
        for c in range(n_channels)
    ]


def equivariant_update(module, h, v):
    """Eq. 8 for one bead, from H + dH and V + dV."""
    n_channels = len(h)
    alpha, beta = mixed(module.alpha, v), mixed(module.beta, v)
    norms = [torch.sqrt(dot(b, b) + 1e-20) for b in beta]
    gates = network(module.network, [*h, *norms])
    new_h, new_v = [], []
    for c in range(n_channels):
        l5, l5p, l5pp = (gates[k * n_channels + c] for k in range(3))
        new_h.append(h[c] + l5 + l5p * dot(alpha[c], beta[c]))
        scaled = alpha[c] if module.mixes_vectors else v[c]
        new_v.append(v[c] + l5pp * scaled)
    return new_h, new_v


def decoder(module, beads, latents):
    """The vector channels of every bead: Eqs. 5 and 6 layer by layer."""
    o = module.config
    n = len(beads)
    h = [[latents[i, c] for c in range(o.n_channels)] for i in range(n)]
    h_bar = [[torch.tensor(float(o.pseudoscalar_init))] * o.n_channels] * n
    v = [[torch.zeros(3)] * o.n_channels for _ in range(n)]
    v_bar = [[torch.zeros(3)] * o.n_channels for _ in range(n)]
    for message, update in zip(module.messages, module.updates, strict=True):
        d_h, d_h_bar, d_v, d_v_bar = equivariant_message(
            message, beads, h, h_bar, v, v_bar, o.n_radial, o.bead_cutoff
        )
        h, v = add(h, d_h), add(v, d_v)
        for i in range(n):
            h[i], v[i] = equivariant_update(update, h[i], v[i])
        h_bar, v_bar = add(h_bar, d_h_bar), add(v_bar, d_v_bar)
    return v


# ------------------------------------------------------------ section 4.3, E.2.3, E.2.4


def projection_matrix(bead_of_atom, weights, n_beads):
    """M of section 3.1: w_i over the sum of the weights in C_I."""
    matrix = torch.zeros(n_beads, len(bead_of_atom))
    for i, bead in enumerate(bead_of_atom):
        total = sum(
            w for w, other in zip(weights, bead_of_atom, strict=True) if other == bead
        )
        matrix[bead, i] = weights[i] / total
    return matrix


def lift_matrix(bead_of_atom, n_beads):
    """M+ of definition C.1."""
    matrix = torch.zeros(len(bead_of_atom), n_beads)
    for i, bead in enumerate(bead_of_atom):
        matrix[i, bead] = 1
    return matrix


def index_in_bead(i, bead_of_atom):
    """Index(i, C_I) of footnote 3."""
    own = [k for k, bead in enumerate(bead_of_atom) if bead == bead_of_atom[i]]
    return own.index(i)


def placed(v, beads, bead_of_atom, weights):
    """M+ X + dx - M+ M dx with dx picked from the vector channels."""
    chosen = [v[b][index_in_bead(i, bead_of_atom)] for i, b in enumerate(bead_of_atom)]
    dx = torch.stack(chosen)
    m = projection_matrix(bead_of_atom, weights, len(beads))
    m_plus = lift_matrix(bead_of_atom, len(beads))
    return m_plus @ torch.stack(list(beads)) + dx - m_plus @ m @ dx


# ------------------------------------------------------------ section 4.4


def l_msd(made, true):
    return sum(dot(a - b, a - b) for a, b in zip(made, true, strict=True)) / len(true)


def l_graph(made, true, pairs):
    errors = [
        (distance(made[i], made[j]) - distance(true[i], true[j])) ** 2 for i, j in pairs
    ]
    return sum(errors) / len(pairs)


def two_hop_pairs(bonds, n_atoms):
    """E: the bonds, and the pairs that share a bonded neighbour."""
    bonded = {frozenset(bond) for bond in bonds}
    pairs = []
    for i in range(n_atoms):
        for j in range(i + 1, n_atoms):
            shares = any(
                {frozenset((i, k)), frozenset((k, j))} <= bonded
                for k in range(n_atoms)
                if k not in (i, j)
            )
            if frozenset((i, j)) in bonded or shares:
                pairs.append((i, j))
    return pairs


def l_kl(posterior, prior_):
    """KL(q || p) of diagonal normals: over channels summed, over beads averaged."""
    q, p = (torch.distributions.Normal(*pair) for pair in (posterior, prior_))
    return torch.distributions.kl_divergence(q, p).sum(-1).mean()
