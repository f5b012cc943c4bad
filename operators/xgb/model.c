/*
 * Model files: one party's half as JSON. Splits are XOR shares (hexadecimal, bit 0 of byte 0 is the first feature's first
 * cut), leaves additive shares in a ring of `ring` bits with `scale` fractional bits. docs/operators/xgb.md draws the format.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "xgb/xgb.h"

#define FORMAT "petplatform xgb shares"
#define VERSION 1

static size_t candidates_of(const struct xmodel *md)
{
	return (size_t)md->features * (((size_t)1 << md->cuts.beta) - 1);
}

int xmodel_add(struct xmodel *md, struct xtree *t)
{
	if (md->trees == md->room) {
		size_t room = md->room * 2 + 16;
		struct xtree *more = realloc(md->tree, room * sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		md->tree = more;
		md->room = room;
	}
	md->tree[md->trees++] = *t;
	*t = (struct xtree){ 0 };
	return 0;
}

void xmodel_free(struct xmodel *md)
{
	for (size_t i = 0; i < md->trees; i++)
		xtree_free(&md->tree[i]);
	free(md->tree);
	for (uint32_t i = 0; md->name && i < md->own; i++)
		free(md->name[i]);
	free(md->name);
	xcuts_free(&md->cuts);
	*md = (struct xmodel){ 0 };
}

/* --- writing --------------------------------------------------------------------- */

static json_t *cuts_json(const struct xmodel *md, uint32_t f)
{
	uint32_t n = xcuts_per_feature(&md->cuts);
	json_t *all = json_array();

	for (uint32_t i = 0; i < n && isfinite(md->cuts.cut[(size_t)f * n + i]); i++)
		json_array_append_new(all, json_real(md->cuts.cut[(size_t)f * n + i]));
	return all;
}

static json_t *features_json(const struct xmodel *md)
{
	json_t *all = json_array();

	for (uint32_t f = 0; f < md->own; f++)
		json_array_append_new(all, json_pack("{s:s, s:o}", "name", md->name[f], "cuts", cuts_json(md, f)));
	return all;
}

static json_t *tree_json(const struct xtree *t, size_t candidates)
{
	json_t *split = json_array(), *leaf = json_array();
	char *hex = malloc(2 * (candidates / 8 + 1) + 1);

	for (size_t i = 0; hex && i < ((size_t)1 << t->depth) - 1; i++) {
		util_hex(hex, t->split[i].w, (candidates + 7) / 8);
		json_array_append_new(split, json_string(hex));
	}
	for (size_t i = 0; i < t->leaf.n; i++)
		json_array_append_new(leaf, json_integer((json_int_t)t->leaf.v[i]));
	free(hex);
	return json_pack("{s:o, s:o}", "split", split, "leaf", leaf);
}

int xmodel_write(const struct xmodel *md, const char *path, struct errmsg *em)
{
	char id[2 * XGB_ID + 1];
	json_t *trees = json_array(), *root;
	char *text;
	int rc;

	util_hex(id, md->id, XGB_ID);
	for (size_t i = 0; i < md->trees; i++)
		json_array_append_new(trees, tree_json(&md->tree[i], candidates_of(md)));
	root = json_pack("{s:s, s:i, s:s, s:i, s:s, s:s, s:b, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o}", "format", FORMAT, "version", VERSION,
			 "id", id, "party", md->party, "partition", md->partition == XGB_HORIZONTAL ? "horizontal" : "vertical", "objective", md->objective,
			 "classifier", md->classifier, "base_margin", md->base, "exponent", md->exponent, "features_of_both", (int)md->features,
			 "first_own", (int)md->f0, "log2_bins", (int)md->cuts.beta, "depth", (int)md->depth, "ring", XGB_BITS, "scale", XGB_SCALE,
			 "features", features_json(md), "trees", trees);
	text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	if (!text)
		return ERR_NOMEM;
	rc = util_write_file(path, text, strlen(text), 0600);
	free(text);
	return rc ? errmsg_set(em, rc, "OUTPUT_UNWRITABLE", "the model file cannot be written") : 0;
}

/* --- reading ------------------------------------------------------------------------ */

struct reader {
	const char *name;
	struct errmsg *em;
};

static int bad(const struct reader *r, const char *where)
{
	errmsg_set(r->em, ERR_INPUT, "BAD_MODEL", "the model file is none that a fit of this version has written");
	errmsg_local(r->em, "%s is no model that a fit of this version has written: look at %s", r->name, where);
	return ERR_INPUT;
}

static int in_range(const json_t *root, const char *key, json_int_t low, json_int_t high, json_int_t *out)
{
	const json_t *v = json_object_get(root, key);

	*out = json_integer_value(v);
	return json_is_integer(v) && *out >= low && *out <= high;
}

static int read_features(struct reader *r, struct xmodel *md, const json_t *all)
{
	uint32_t cuts = xcuts_per_feature(&md->cuts);

	for (uint32_t f = 0; f < md->own; f++) {
		const json_t *one = json_array_get(all, f), *list = json_object_get(one, "cuts");

		md->name[f] = json_is_string(json_object_get(one, "name")) ? strdup(json_string_value(json_object_get(one, "name"))) : NULL;
		if (!md->name[f] || !json_is_array(list) || json_array_size(list) > cuts)
			return bad(r, "features");
		for (size_t i = 0; i < json_array_size(list); i++) {
			if (!json_is_number(json_array_get(list, i)))
				return bad(r, "features");
			md->cuts.cut[(size_t)f * cuts + i] = json_number_value(json_array_get(list, i));
		}
	}
	return 0;
}

static int bad_tree(const struct reader *r, struct xtree *t)
{
	xtree_free(t);
	return bad(r, "trees");
}

static int read_tree(struct reader *r, struct xmodel *md, const json_t *one)
{
	const json_t *split = json_object_get(one, "split"), *leaf = json_object_get(one, "leaf");
	size_t nodes = ((size_t)1 << md->depth) - 1, bytes = (candidates_of(md) + 7) / 8;
	struct xtree t = { 0 };
	int rc;

	TRY(xtree_new(&t, md->depth, candidates_of(md)));
	if (json_array_size(split) != nodes || json_array_size(leaf) != nodes + 1)
		return bad_tree(r, &t);
	for (size_t i = 0; i < nodes; i++) {
		const char *hex = json_string_value(json_array_get(split, i));

		if (!hex || strlen(hex) != 2 * bytes || util_unhex(t.split[i].w, bytes, hex) != 0)
			return bad_tree(r, &t);
		bvec_trim(&t.split[i]);
	}
	for (size_t i = 0; i <= nodes; i++) {
		const json_t *v = json_array_get(leaf, i);

		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >> XGB_BITS)
			return bad_tree(r, &t);
		t.leaf.v[i] = (uint64_t)json_integer_value(v);
	}
	rc = xmodel_add(md, &t);
out:
	xtree_free(&t);
	return rc;
}

static int read_head(struct reader *r, struct xmodel *md, const json_t *root)
{
	const char *id = json_string_value(json_object_get(root, "id")), *part = json_string_value(json_object_get(root, "partition")),
		   *objective = json_string_value(json_object_get(root, "objective")), *format = json_string_value(json_object_get(root, "format"));
	json_int_t party, features, f0, beta, depth, exponent, fixed;
	size_t own = json_array_size(json_object_get(root, "features"));

	if (!format || strcmp(format, FORMAT) != 0 || !in_range(root, "version", VERSION, VERSION, &fixed))
		return bad(r, "format and version");
	if (!id || util_unhex(md->id, XGB_ID, id) != 0 || !part || !objective || strlen(objective) >= sizeof(md->objective))
		return bad(r, "id, partition and objective");
	if (!in_range(root, "party", 0, 1, &party) || !in_range(root, "features_of_both", 1, 2 * XGB_FEATURES_MAX, &features) ||
	    !in_range(root, "first_own", 0, features, &f0) || !in_range(root, "log2_bins", HIST_BETA_MIN, HIST_BETA_MAX, &beta) ||
	    !in_range(root, "depth", 1, 10, &depth) || !in_range(root, "exponent", -64, 64, &exponent) ||
	    !in_range(root, "ring", XGB_BITS, XGB_BITS, &fixed) || !in_range(root, "scale", XGB_SCALE, XGB_SCALE, &fixed) ||
	    !json_is_number(json_object_get(root, "base_margin")) || (json_int_t)own > features - f0)
		return bad(r, "its sizes");
	md->party = (int)party;
	md->features = (uint32_t)features;
	md->f0 = (uint32_t)f0;
	md->own = (uint32_t)own;
	md->depth = (unsigned)depth;
	md->exponent = (int)exponent;
	md->base = json_number_value(json_object_get(root, "base_margin"));
	md->classifier = json_is_true(json_object_get(root, "classifier"));
	md->partition = strcmp(part, "vertical") == 0 ? XGB_VERTICAL : XGB_HORIZONTAL;
	memcpy(md->objective, objective, strlen(objective) + 1);
	md->name = calloc((size_t)md->own + 1, sizeof(*md->name));
	return md->name ? xcuts_new(&md->cuts, (unsigned)beta, md->own) : ERR_NOMEM;
}

int xmodel_read(struct xmodel *md, const char *path, const char *name, struct errmsg *em)
{
	struct reader r = { name, em };
	json_error_t je;
	json_t *root = json_load_file(path, 0, &je), *trees = json_object_get(root, "trees");
	int rc;

	*md = (struct xmodel){ 0 };
	if (!root) {
		errmsg_set(em, ERR_INPUT, "BAD_MODEL", "the model file is no JSON");
		errmsg_local(em, "%s, line %d, column %d: %s", name, je.line, je.column, je.text);
		return ERR_INPUT;
	}
	TRY(read_head(&r, md, root));
	TRY(read_features(&r, md, json_object_get(root, "features")));
	for (size_t i = 0; i < json_array_size(trees); i++)
		TRY(read_tree(&r, md, json_array_get(trees, i)));
out:
	json_decref(root);
	if (rc)
		xmodel_free(md);
	return rc;
}

/* --- use ------------------------------------------------------------------------------ */

static int all_sides(struct bvec **out, size_t n, size_t rows)
{
	int rc = 0;

	*out = calloc(n + 1, sizeof(**out));
	for (size_t i = 0; *out && i < n && !rc; i++)
		rc = bvec_new(&(*out)[i], rows);
	return *out ? rc : ERR_NOMEM;
}

int xmodel_margins(struct xjob *j, const struct xmodel *md, struct avec *margin, const struct op_ctx *ctx)
{
	size_t nodes = ((size_t)1 << md->depth) - 1;
	struct bvec *side = NULL;
	int rc;

	TRY(all_sides(&side, nodes, j->rows));
	avec_add_pub(margin, margin, (int64_t)llround(ldexp(md->base, XGB_SCALE)), mpc_party(j->m));
	for (size_t i = 0; i < md->trees; i++) {
		TRY(xtree_sides(j, &md->tree[i], 0, nodes, side));
		TRY(xtree_leaves(j, &md->tree[i], side, margin));
		op_progress((struct op_ctx *)ctx, 0.2 + 0.7 * (double)(i + 1) / (double)md->trees, "predict");
		if (op_canceled(ctx)) {
			rc = ERR_CANCELED;
			goto out;
		}
	}
out:
	for (size_t i = 0; side && i < nodes; i++)
		bvec_free(&side[i]);
	free(side);
	return rc;
}
