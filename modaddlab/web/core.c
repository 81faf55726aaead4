// The arithmetic of the interactive pages, for WebAssembly with SIMD and without any library:
// a step of training of the two-layer network, and any one-layer network of the book on all pairs (a, b).
//
// Both go pair by pair. The neurons of a pair that are not zero (half of them or fewer, with ReLU) are packed to the front, so that
// the products touch only their rows. Rows of answers are padded to a multiple of four numbers; padding never reaches a result.
#include <wasm_simd128.h>

typedef float f32;
typedef unsigned char u8;
typedef v128_t f32x4;
#define EXPORT(name) __attribute__((export_name(#name))) name
#define INLINE static inline __attribute__((always_inline))
#define load wasm_v128_load
#define store wasm_v128_store
#define splat wasm_f32x4_splat
#define add wasm_f32x4_add
#define sub wasm_f32x4_sub
#define mul wasm_f32x4_mul

enum { RELU, QUADRATIC };

// ---- memory: blocks one after another behind the program's own, all given back at once by `reset` ----------------------------

extern u8 __heap_base;
static unsigned long used;

void EXPORT(reset)(void) { used = (unsigned long)&__heap_base; }

// A zeroed block at a multiple of 16 bytes; 0 when the browser gives no more memory.
void *EXPORT(alloc)(int bytes) {
  if (!used) reset();
  unsigned long start = (used + 15) & ~15ul, end = start + ((bytes + 15) & ~15);
  unsigned long have = __builtin_wasm_memory_size(0) << 16;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == (unsigned long)-1) return 0;
  used = end;
  for (unsigned long at = start; at < end; at += 16) store((void *)at, splat(0));
  return (void *)start;
}

// ---- four numbers at a time -----------------------------------------------------------------------------------------------------

INLINE f32 sum_of(f32x4 x) {
  x = add(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1);
}

INLINE f32 largest_of(f32x4 x) {
  x = wasm_f32x4_pmax(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
  f32 first = wasm_f32x4_extract_lane(x, 0), second = wasm_f32x4_extract_lane(x, 1);
  return first > second ? first : second;
}

// e^x for x <= 0 (Cephes' polynomial), exactly 0 below -60: smaller numbers would become denormal, and slow.
INLINE f32x4 exponential(f32x4 x) {
  f32x4 n = wasm_f32x4_nearest(mul(wasm_f32x4_pmax(x, splat(-80)), splat(1.44269504f)));
  f32x4 r = sub(sub(x, mul(n, splat(0.693359375f))), mul(n, splat(-2.12194440e-4f)));
  f32x4 y = splat(1.9875691500e-4f);
  y = add(mul(y, r), splat(1.3981999507e-3f));
  y = add(mul(y, r), splat(8.3334519073e-3f));
  y = add(mul(y, r), splat(4.1665795894e-2f));
  y = add(mul(y, r), splat(1.6666665459e-1f));
  y = add(mul(y, r), splat(5.0000001201e-1f));
  y = add(add(mul(mul(r, r), y), r), splat(1));
  f32x4 power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
  return wasm_v128_and(mul(y, power), wasm_f32x4_gt(x, splat(-60)));
}

static f32 exponential_1(f32 x) { return wasm_f32x4_extract_lane(exponential(splat(x)), 0); }

// log(1 + x) for x >= 0: a series for small x, else two steps of Halley's method on e^y = 1 + x.
static f32 log_1_plus(f32 x) {
  if (x < 1e-3f) return x * (1 - x * (0.5f - x * 0.33333333f));
  union { f32 number; int bits; } start = {1 + x};
  f32 y = ((f32)start.bits / 8388608.0f - 126.94269504f) * 0.69314718f;
  for (int round = 0; round < 2; round++) {
    int n = (int)(y * 1.44269504f);
    f32 r = y - n * 0.69314718f;
    f32 series = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * (0.0083333333f + r * 0.0013888889f)))));
    union { int bits; f32 number; } power = {(n + 127) << 23};
    f32 e = series * power.number;
    y += 2 * (1 + x - e) / (1 + x + e);
  }
  return y;
}

// ---- packing: the numbers of four that are kept, to the front -------------------------------------------------------------------

#define LANE(i) 4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3
#define NONE 16, 16, 16, 16
static const u8 TO_FRONT[16][16] __attribute__((aligned(16))) = {
    {NONE, NONE, NONE, NONE},          {LANE(0), NONE, NONE, NONE},       {LANE(1), NONE, NONE, NONE},
    {LANE(0), LANE(1), NONE, NONE},    {LANE(2), NONE, NONE, NONE},       {LANE(0), LANE(2), NONE, NONE},
    {LANE(1), LANE(2), NONE, NONE},    {LANE(0), LANE(1), LANE(2), NONE}, {LANE(3), NONE, NONE, NONE},
    {LANE(0), LANE(3), NONE, NONE},    {LANE(1), LANE(3), NONE, NONE},    {LANE(0), LANE(1), LANE(3), NONE},
    {LANE(2), LANE(3), NONE, NONE},    {LANE(0), LANE(2), LANE(3), NONE}, {LANE(1), LANE(2), LANE(3), NONE},
    {LANE(0), LANE(1), LANE(2), LANE(3)},
};

// The neurons of one pair that are not zero: what they are, and which.
struct Active {
  f32 *value;
  int *index;
  int n;
};

static struct Active new_active(int H) {  // room for one group of four too many, which packing writes
  struct Active active = {alloc(4 * H + 16), alloc(4 * H + 16), 0};
  return active;
}

// Append the neurons m..m+3 after the activation, but for zeros.
INLINE void append(struct Active *active, f32x4 x, f32x4 scale, int m, int activation) {
  f32x4 kept = activation == QUADRATIC ? mul(mul(x, x), scale) : mul(x, scale);
  f32x4 is_on = activation == QUADRATIC ? wasm_f32x4_ne(kept, splat(0)) : wasm_f32x4_gt(kept, splat(0));
  int bits = wasm_i32x4_bitmask(is_on);
  f32x4 move = load(TO_FRONT[bits]), index = wasm_i32x4_add(wasm_i32x4_splat(m), wasm_i32x4_make(0, 1, 2, 3));
  store(active->value + active->n, wasm_i8x16_swizzle(kept, move));
  store(active->index + active->n, wasm_i8x16_swizzle(index, move));
  active->n += __builtin_popcount(bits);
}

// ---- products over the active neurons: up to eight vectors of answers stay in registers -----------------------------------------

#define BLOCKS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8)

// out[0..4V) += sum over i in [from, to) of value[i] rows[index[i]][0..4V)
#define FORWARD(V)                                                                                                     \
  static void forward_##V(const struct Active *on, int from, int to, const f32 *rows, int width, f32 *out) {          \
    f32x4 sum[V];                                                                                                      \
    for (int v = 0; v < V; v++) sum[v] = splat(0);                                                                     \
    for (int i = from; i < to; i++) {                                                                                  \
      const f32 *row = rows + on->index[i] * width;                                                                    \
      f32x4 h = splat(on->value[i]);                                                                                   \
      for (int v = 0; v < V; v++) sum[v] = add(mul(h, load(row + 4 * v)), sum[v]);                                     \
    }                                                                                                                  \
    for (int v = 0; v < V; v++) store(out + 4 * v, add(load(out + 4 * v), sum[v]));                                    \
  }
// back[i] += rows[index[i]] . d and d_rows[index[i]] += value[i] d
#define BACKWARD(V)                                                                                                    \
  static void backward_##V(const struct Active *on, const f32 *rows, f32 *d_rows, int width, const f32 *d, f32 *back) { \
    f32x4 d_v[V];                                                                                                      \
    for (int v = 0; v < V; v++) d_v[v] = load(d + 4 * v);                                                              \
    for (int i = 0; i < on->n; i++) {                                                                                  \
      const f32 *row = rows + on->index[i] * width;                                                                    \
      f32 *d_row = d_rows + on->index[i] * width;                                                                      \
      f32x4 h = splat(on->value[i]), dot = splat(0);                                                                   \
      for (int v = 0; v < V; v++) {                                                                                    \
        dot = add(mul(d_v[v], load(row + 4 * v)), dot);                                                                \
        store(d_row + 4 * v, add(mul(h, d_v[v]), load(d_row + 4 * v)));                                                \
      }                                                                                                                \
      back[i] += sum_of(dot);                                                                                          \
    }                                                                                                                  \
  }
BLOCKS(FORWARD)
BLOCKS(BACKWARD)

static int block(int width, int c) { return width - c > 32 ? 8 : (width - c) / 4; }

// Summed in four parts: one running sum of hundreds of numbers would lose a digit.
static void forward(const struct Active *on, const f32 *rows, int width, f32 *out) {
  for (int part = 0; part < 4; part++)
    for (int c = 0; c < width; c += 32) switch (block(width, c)) {
#define CASE(V) case V: forward_##V(on, on->n * part / 4, on->n * (part + 1) / 4, rows + c, width, out + c); break;
        BLOCKS(CASE)
#undef CASE
      }
}

static void backward(const struct Active *on, const f32 *rows, f32 *d_rows, int width, const f32 *d, f32 *back) {
  for (int c = 0; c < width; c += 32) switch (block(width, c)) {
#define CASE(V) case V: backward_##V(on, rows + c, d_rows + c, width, d + c, back); break;
      BLOCKS(CASE)
#undef CASE
    }
}

// ---- the loss -------------------------------------------------------------------------------------------------------------------

static const f32 NEVER = -1e30f;  // the logit of an answer that is padding

// The first of the largest logits; padding is set to `NEVER`.
static int best_answer(f32 *row, int p, int width) {
  for (int c = p; c < width; c++) row[c] = NEVER;
  f32x4 largest = load(row);
  for (int c = 4; c < width; c += 4) largest = wasm_f32x4_pmax(largest, load(row + c));
  f32 most = largest_of(largest);
  int best = 0;
  while (row[best] != most) best++;
  return best;
}

// -log softmax(row)[answer]. The largest logit's own term, e^0, stays out of the sum and is added by log(1 + x): so a loss of 1e-7
// keeps its digits in 32 bits.
static f32 loss_of(const f32 *row, int width, int best, int answer) {
  f32 most = row[best];
  f32x4 sum = splat(0);
  int ties = 0;
  for (int c = 0; c < width; c += 4) {
    f32x4 x = load(row + c), is_most = wasm_f32x4_eq(x, splat(most));
    ties += __builtin_popcount(wasm_i32x4_bitmask(is_most));
    sum = add(sum, wasm_v128_andnot(exponential(sub(x, splat(most))), is_most));
  }
  return most - row[answer] + log_1_plus(sum_of(sum) + (ties - 1));
}

// The row of logits becomes scale times the gradient of its loss, softmax - onehot. At the answer that is -(sum of the others) / total,
// which keeps its digits when the answer is nearly certain. Returns the loss, not scaled.
static f32 loss_gradient(f32 *row, int p, int width, int answer, f32 scale, int *is_right) {
  int best = best_answer(row, p, width);
  f32 most = row[best], loss = loss_of(row, width, best, answer);
  *is_right = best == answer;
  f32x4 others = splat(0);
  f32 own = exponential_1(row[answer] - most);
  row[answer] = NEVER;
  for (int c = 0; c < width; c += 4) {
    f32x4 e = exponential(sub(load(row + c), splat(most)));
    store(row + c, e);
    others = add(others, e);
  }
  f32 rest = sum_of(others), unit = scale / (rest + own);
  for (int c = 0; c < width; c += 4) store(row + c, mul(load(row + c), splat(unit)));
  row[answer] = -rest * unit;
  return loss;
}

// ---- training the two-layer network: logits = xi act(theta[a] + theta[b]) -------------------------------------------------------
// The network does not tell (a, b) from (b, a), so each unordered pair is computed once and counts as often as it was trained on.

struct Lab {
  int p, width, H, n_pairs, n_trained, activation;
  f32 *weights, *gradient, *mean, *square;  // theta (p, H), then xi (H, width); AdamW's two averages
  u8 *a, *b, *count, *is_right;             // of each unordered pair; those with count > 0 come first
  f32 *loss, *row, *back;
  struct Active on;
};

struct Lab *EXPORT(lab_new)(int p, int H, int n_pairs, int n_trained, int activation) {
  struct Lab *lab = alloc(sizeof(struct Lab));
  int width = (p + 3) & ~3, n = p * H + H * width;
  lab->p = p; lab->width = width; lab->H = H;
  lab->n_pairs = n_pairs; lab->n_trained = n_trained; lab->activation = activation;
  lab->weights = alloc(4 * n); lab->gradient = alloc(4 * n); lab->mean = alloc(4 * n); lab->square = alloc(4 * n);
  lab->a = alloc(n_pairs); lab->b = alloc(n_pairs); lab->count = alloc(n_pairs); lab->is_right = alloc(n_pairs);
  lab->loss = alloc(4 * n_pairs); lab->row = alloc(4 * width); lab->back = alloc(4 * H + 16); lab->on = new_active(H);
  return lab;
}

static void lab_logits(struct Lab *lab, int pair) {
  const f32 *theta_a = lab->weights + lab->a[pair] * lab->H, *theta_b = lab->weights + lab->b[pair] * lab->H;
  lab->on.n = 0;
  for (int m = 0; m < lab->H; m += 4) append(&lab->on, add(load(theta_a + m), load(theta_b + m)), splat(1), m, lab->activation);
  for (int c = 0; c < lab->width; c += 4) store(lab->row + c, splat(0));
  forward(&lab->on, lab->weights + lab->p * lab->H, lab->width, lab->row);
}

// The gradient of the mean loss over the n_ordered training pairs; losses and right answers of each unordered pair.
void EXPORT(lab_gradient)(struct Lab *lab, int n_ordered) {
  int p = lab->p, H = lab->H, width = lab->width, n = p * H + H * width;
  const f32 *theta = lab->weights, *xi = theta + p * H;
  f32 *d_theta = lab->gradient, *d_xi = d_theta + p * H;
  for (int i = 0; i < n; i += 4) store(lab->gradient + i, splat(0));
  for (int pair = 0; pair < lab->n_trained; pair++) {
    int a = lab->a[pair], b = lab->b[pair], is_right;
    lab_logits(lab, pair);
    lab->loss[pair] = loss_gradient(lab->row, p, width, (a + b) % p, (f32)lab->count[pair] / n_ordered, &is_right);
    lab->is_right[pair] = is_right;
    for (int i = 0; i < lab->on.n; i += 4) store(lab->back + i, splat(0));
    backward(&lab->on, xi, d_xi, width, lab->row, lab->back);
    for (int i = 0; i < lab->on.n; i++) {
      int m = lab->on.index[i];
      f32 d = lab->back[i];
      if (lab->activation == QUADRATIC) d *= 2 * (theta[a * H + m] + theta[b * H + m]);
      d_theta[a * H + m] += d;
      d_theta[b * H + m] += d;
    }
  }
}

// AdamW. rate is lr / (1 - beta1^t) and root 1 / sqrt(1 - beta2^t), which the caller computes with all digits.
void EXPORT(lab_adamw)(struct Lab *lab, f32 lr, f32 decay, f32 beta1, f32 beta2, f32 rate, f32 root) {
  int n = lab->p * lab->H + lab->H * lab->width;
  f32x4 keep = splat(1 - lr * decay), new1 = splat(1 - beta1), old2 = splat(beta2), new2 = splat(1 - beta2);
  for (int i = 0; i < n; i += 4) {
    f32x4 g = load(lab->gradient + i), mean = load(lab->mean + i), square = load(lab->square + i);
    mean = add(mean, mul(new1, sub(g, mean)));
    square = add(mul(old2, square), mul(new2, mul(g, g)));
    f32x4 step = wasm_f32x4_div(mul(splat(rate), mean), add(mul(wasm_f32x4_sqrt(square), splat(root)), splat(1e-8f)));
    store(lab->weights + i, sub(mul(load(lab->weights + i), keep), step));
    store(lab->mean + i, mean);
    store(lab->square + i, square);
  }
}

// Losses and right answers of the pairs from..to-1.
void EXPORT(lab_evaluate)(struct Lab *lab, int from, int to) {
  for (int pair = from; pair < to; pair++) {
    int answer = (lab->a[pair] + lab->b[pair]) % lab->p;
    lab_logits(lab, pair);
    int best = best_answer(lab->row, lab->p, lab->width);
    lab->loss[pair] = loss_of(lab->row, lab->width, best, answer);
    lab->is_right[pair] = best == answer;
  }
}

// ---- one-layer networks by tables over the residues -----------------------------------------------------------------------------
// Before the activation: base + sum over heads h of w_a A[a, h] + w_b B[b, h]; the same weights carry what passes the neurons by into the
// answers (RA, RB, rbase). w_a = rate * attention + (1 - rate), and the attention is a softmax over a, b and "=", where there is one.
// With rate 0 it is the two-layer network. Where the question is asked at "=" there is one query; where it is asked at b there are p.

struct Net {
  int p, width, H, n_heads, activation, has_equals, queries;
  f32 rate;
  f32 *score_a, *score_b, *score_equals;  // (n_heads, queries, p), (n_heads, p), (n_heads)
  f32 *A, *B, *base;                      // (p, n_heads, H), (p, n_heads, H), (H)
  f32 *RA, *RB, *rbase;                   // (p, n_heads, width), (p, n_heads, width), (width)
  f32 *W, *scale;                         // (H, width), (H): 0 takes a neuron out
  f32 *head_on;                           // (n_heads): 0 takes a head out
  f32 *logits, *loss;                     // (p, p, width), where they are kept; (p, p)
  u8 *best;                               // (p, p)
  f32 *row;
  struct Active on;
};

struct Net *EXPORT(net_new)(int p, int H, int n_heads, int activation, int has_equals, f32 rate, int keep_logits, int queries) {
  struct Net *net = alloc(sizeof(struct Net));
  int width = (p + 3) & ~3;
  net->p = p; net->width = width; net->H = H; net->n_heads = n_heads;
  net->activation = activation; net->has_equals = has_equals; net->rate = rate; net->queries = queries;
  net->score_a = alloc(4 * n_heads * queries * p); net->score_b = alloc(4 * n_heads * p); net->score_equals = alloc(4 * n_heads);
  net->A = alloc(4 * p * n_heads * H); net->B = alloc(4 * p * n_heads * H); net->base = alloc(4 * H);
  net->RA = alloc(4 * p * n_heads * width); net->RB = alloc(4 * p * n_heads * width); net->rbase = alloc(4 * width);
  net->W = alloc(4 * H * width); net->scale = alloc(4 * H); net->head_on = alloc(4 * n_heads);
  net->logits = keep_logits ? alloc(4 * p * p * width) : 0; net->loss = alloc(4 * p * p); net->best = alloc(p * p);
  net->row = alloc(4 * width); net->on = new_active(H);
  return net;
}

// What a head gives of a and of b, for one pair.
static void weights_of(const struct Net *net, int h, int a, int b, f32 *w_a, f32 *w_b) {
  int query = h * net->queries + (net->queries > 1 ? b : 0);
  f32 x = net->score_a[query * net->p + a], y = net->score_b[h * net->p + b], z = net->score_equals[h];
  f32 most = x > y ? x : y;
  if (net->has_equals && z > most) most = z;
  x = exponential_1(x - most);
  y = exponential_1(y - most);
  f32 total = x + y + (net->has_equals ? exponential_1(z - most) : 0), on = net->head_on[h];
  *w_a = on * (net->rate * x / total + (1 - net->rate));
  *w_b = on * (net->rate * y / total + (1 - net->rate));
}

// Answers and losses of the questions a0 <= a < a1 with every b; returns how many are right.
int EXPORT(net_rows)(struct Net *net, int a0, int a1) {
  int p = net->p, H = net->H, n = net->n_heads, width = net->width, n_right = 0;
  f32 w_a[16], w_b[16];
  for (int a = a0; a < a1; a++)
    for (int b = 0; b < p; b++) {
      for (int h = 0; h < n; h++) weights_of(net, h, a, b, w_a + h, w_b + h);
      const f32 *A = net->A + a * n * H, *B = net->B + b * n * H, *RA = net->RA + a * n * width, *RB = net->RB + b * n * width;
      net->on.n = 0;
      for (int m = 0; m < H; m += 4) {
        f32x4 x = load(net->base + m);
        for (int h = 0; h < n; h++)
          x = add(mul(splat(w_b[h]), load(B + h * H + m)), add(mul(splat(w_a[h]), load(A + h * H + m)), x));
        append(&net->on, x, load(net->scale + m), m, net->activation);
      }
      int pair = a * p + b, answer = (a + b) % p;
      f32 *row = net->logits ? net->logits + pair * width : net->row;
      for (int c = 0; c < width; c += 4) {
        f32x4 x = load(net->rbase + c);
        for (int h = 0; h < n; h++)
          x = add(mul(splat(w_b[h]), load(RB + h * width + c)), add(mul(splat(w_a[h]), load(RA + h * width + c)), x));
        store(row + c, x);
      }
      forward(&net->on, net->W, width, row);
      int best = best_answer(row, p, width);
      net->best[pair] = best;
      net->loss[pair] = loss_of(row, width, best, answer);
      n_right += best == answer;
    }
  return n_right;
}

// out (n, m) = A (n, k) B (k, m), m a multiple of 4: the tables of a network.
void EXPORT(product)(f32 *A, int n, int k, const f32 *B, int m, f32 *out) {
  struct Active row = {A, alloc(4 * k), k};
  for (int i = 0; i < k; i++) row.index[i] = i;
  for (int i = 0; i < n; i++, row.value += k) {
    for (int c = 0; c < m; c += 4) store(out + i * m + c, splat(0));
    forward(&row, B, m, out + i * m);
  }
}
