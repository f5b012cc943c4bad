/* --describe: what the API, the mission loader and people know an operator by. */
#include "op_impl.h"

static json_t *param_type(enum op_type type)
{
	switch (type) {
	case OP_BOOL: return json_pack("{s:s}", "type", "boolean");
	case OP_INT: return json_pack("{s:s}", "type", "integer");
	case OP_NUMBER: return json_pack("{s:s}", "type", "number");
	case OP_STRING: return json_pack("{s:s}", "type", "string");
	case OP_OBJECT: return json_pack("{s:s}", "type", "object");
	case OP_STRING_LIST:
		return json_pack("{s:s, s:i, s:{s:s}}", "type", "array", "maxItems", OP_LIST_MAX,
				 "items", "type", "string");
	case OP_STRING_OR_LIST:
		return json_pack("{s:[s, s], s:i, s:{s:s}}", "type", "string", "array",
				 "maxItems", OP_LIST_MAX, "items", "type", "string");
	}
	return NULL;
}

static json_t *limit(const struct op_param *p, double v)
{
	return p->type == OP_INT ? json_integer((json_int_t)v) : json_real(v);
}

/* x-party: below party_a / party_b, each party its own; else beside them, the same for both. */
static json_t *describe_param(const struct op_param *p, int order)
{
	json_t *row = param_type(p->type), *words;

	json_object_set_new(row, "x-party", json_boolean(p->per_party));
	json_object_set_new(row, "x-order", json_integer(order));
	if (p->help)
		json_object_set_new(row, "description", json_string(p->help));
	if ((p->type == OP_INT || p->type == OP_NUMBER) && (p->low != 0 || p->high != 0)) {
		json_object_set_new(row, "minimum", limit(p, p->low));
		json_object_set_new(row, "maximum", limit(p, p->high));
	}
	if (p->fallback)
		json_object_set_new(row, "default", json_loads(p->fallback, JSON_DECODE_ANY, NULL));
	if (p->words) {
		words = json_array();
		for (size_t i = 0; p->words[i]; i++)
			json_array_append_new(words, json_string(p->words[i]));
		json_object_set_new(row, "enum", words);
	}
	return row;
}

static json_t *schema(json_t *rows, json_t *required)
{
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", rows, "required",
			 required, "additionalProperties", 0);
}

static json_t *describe_params(const struct op_param *table)
{
	json_t *rows = json_object(), *required = json_array();
	int order = 0;

	for (; table && table->name; table++) {
		json_object_set_new(rows, table->name, describe_param(table, order++));
		if (table->required)
			json_array_append_new(required, json_string(table->name));
	}
	return schema(rows, required);
}

static json_t *describe_files(const struct op_file *table)
{
	json_t *rows = json_object(), *required = json_array();
	int order = 0;

	for (; table && table->name; table++) {
		json_t *row = param_type(table->list ? OP_STRING_OR_LIST : OP_STRING);

		json_object_set_new(row, "x-order", json_integer(order++));
		if (table->help)
			json_object_set_new(row, "description", json_string(table->help));
		json_object_set_new(rows, table->name, row);
		if (table->required)
			json_array_append_new(required, json_string(table->name));
	}
	return schema(rows, required);
}

json_t *op_describe(const struct op *op)
{
	json_t *context = json_array(), *discloses = json_array();

	for (size_t i = 0; op->public_context && op->public_context[i]; i++)
		json_array_append_new(context, json_string(op->public_context[i]));
	for (const struct op_disclosure *d = op->discloses; d && d->learner; d++)
		json_array_append_new(discloses, json_pack("{s:s, s:s, s:s?}", "learner", d->learner,
							   "what", d->what, "when", d->when));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", op->name, "version",
			 op->version, "params", describe_params(op->params), "inputs",
			 describe_files(op->inputs), "outputs", describe_files(op->outputs),
			 "public_context", context, "discloses", discloses);
}
