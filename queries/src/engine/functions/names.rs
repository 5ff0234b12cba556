//! The names of the allowed functions. Each has been read: it computes from its arguments (or the clock, or chance) and
//! tells nothing about the machine, its files or the session.

/// Functions of one row. Not here, among others: `version`, `input_file_name`, `file_row_index`, `arrow_cast`.
pub(super) const SCALARS: &[&str] = &[
    // Choice and structure
    "arrow_typeof", "coalesce", "get_field", "greatest", "least", "named_struct", "nullif", "nvl", "nvl2", "overlay",
    "struct", "union_extract", "union_tag",
    // Numbers
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh", "cot", "degrees",
    "exp", "factorial", "floor", "gcd", "isnan", "iszero", "lcm", "ln", "log", "log10", "log2", "nanvl", "pi", "power",
    "radians", "random", "round", "signum", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    // Text
    "ascii", "bit_length", "btrim", "character_length", "chr", "concat", "concat_ws", "contains", "ends_with",
    "find_in_set", "initcap", "left", "levenshtein", "lower", "lpad", "ltrim", "octet_length", "repeat", "replace",
    "reverse", "right", "rpad", "rtrim", "split_part", "starts_with", "strpos", "substr", "substr_index", "to_hex",
    "translate", "upper", "uuid",
    // Regular expressions (a linear-time engine with a bounded program)
    "regexp_count", "regexp_instr", "regexp_like", "regexp_match", "regexp_replace",
    // Hashes and encodings
    "decode", "digest", "encode", "md5", "sha224", "sha256", "sha384", "sha512",
    // Times
    "current_date", "current_time", "date_bin", "date_part", "date_trunc", "from_unixtime", "make_date", "make_time",
    "now", "to_char", "to_date", "to_local_time", "to_time", "to_timestamp", "to_timestamp_micros",
    "to_timestamp_millis", "to_timestamp_nanos", "to_timestamp_seconds", "to_unixtime",
    // Lists and maps
    "array_any_value", "array_append", "array_avg", "array_compact", "array_concat", "array_dims", "array_distance",
    "array_distinct", "array_element", "array_except", "array_has", "array_has_all", "array_has_any",
    "array_intersect", "array_length", "array_max", "array_min", "array_ndims", "array_pop_back", "array_pop_front",
    "array_position", "array_positions", "array_prepend", "array_product", "array_remove", "array_remove_all",
    "array_remove_n", "array_repeat", "array_replace", "array_replace_all", "array_replace_n", "array_resize",
    "array_reverse", "array_slice", "array_sort", "array_sum", "array_to_string", "array_union", "arrays_zip",
    "cardinality", "empty", "flatten", "generate_series", "make_array", "map", "map_entries", "map_extract",
    "map_keys", "map_values", "range", "string_to_array",
];

/// Functions of many rows.
pub(super) const AGGREGATES: &[&str] = &[
    "any_value", "approx_distinct", "approx_median", "approx_percentile_cont", "approx_percentile_cont_with_weight",
    "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "covar_pop",
    "covar_samp", "first_value", "grouping", "last_value", "max", "median", "min", "nth_value", "percentile_cont",
    "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy",
    "regr_syy", "stddev", "stddev_pop", "string_agg", "sum", "var", "var_pop",
];

/// Functions of a row's neighbours.
pub(super) const WINDOWS: &[&str] = &[
    "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank",
    "rank", "row_number",
];

/// Functions that take a function.
pub(super) const HIGHER_ORDERS: &[&str] = &["array_any_match", "array_filter", "array_first", "array_transform"];
