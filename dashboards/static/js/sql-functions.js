// The functions that the editor offers: those that answer questions about events. A test holds them against the engine.

const list = (text) =>
  text
    .trim()
    .split("\n")
    .map((line) => {
      const [, name, signature, doc] = /^(\w+)(\([^)]*\)) (.*)$/.exec(line.trim());
      return { name, signature, doc };
    });

export const FUNCTIONS = list(`
  count(expression) How many rows, or how many with a value
  sum(number) The sum
  avg(number) The mean
  min(value) The least
  max(value) The greatest
  median(number) The middle value
  approx_distinct(value) About how many different values, in little memory
  approx_percentile_cont(number, share) A percentile such as 0.95, in little memory
  approx_median(number) About the middle value
  any_value(value) One of the values
  array_agg(value) All values as a list
  string_agg(text, separator) All texts as one
  first_value(value) The first by the window's or the aggregate's order
  last_value(value) The last
  stddev(number) The standard deviation of a sample
  var(number) The variance of a sample
  corr(y, x) The correlation
  bool_and(condition) Whether all are true
  bool_or(condition) Whether any is true
  row_number() The row's place in its window
  rank() The place, equal ones sharing it
  dense_rank() The place without gaps
  lag(value, rows) The value some rows before
  lead(value, rows) The value some rows after
  ntile(parts) Which of so many equal parts the row is in
  now() This moment
  current_date() Today in UTC
  date_bin(interval, time) The start of the interval that the time is in
  date_trunc(unit, time) The start of the hour, day, week or month
  date_part(unit, time) The hour, day, week … as a number
  to_char(time, format) A time as text
  to_date(text) A text as a date
  to_timestamp(value) A text or a number as a time
  to_unixtime(time) Seconds since 1970
  make_date(year, month, day) A date from its parts
  coalesce(values) The first that is not null
  nullif(value, other) Null if both are equal
  greatest(values) The greatest of several
  least(values) The least of several
  abs(number) Without its sign
  round(number, digits) Rounded
  floor(number) Rounded down
  ceil(number) Rounded up
  power(base, exponent) A power
  sqrt(number) The square root
  ln(number) The natural logarithm
  log10(number) The logarithm to base 10
  lower(text) In small letters
  upper(text) In capitals
  character_length(text) How many characters
  btrim(text) Without spaces around it
  replace(text, from, to) With one part replaced
  split_part(text, separator, place) One of the parts between separators
  strpos(text, part) Where a part begins, 0 if nowhere
  substr(text, from, length) A part of a text
  left(text, count) The first characters
  right(text, count) The last characters
  concat(values) Texts put together
  concat_ws(separator, values) Texts put together with a separator
  starts_with(text, part) Whether it begins so
  ends_with(text, part) Whether it ends so
  contains(text, part) Whether it has this part
  regexp_like(text, pattern) Whether a pattern matches
  regexp_match(text, pattern) What a pattern's groups match
  regexp_replace(text, pattern, to) With what matches replaced
  levenshtein(text, other) How many letters two texts differ by
  json_get_str(json, path) A text of a JSON column
  json_get_int(json, path) A whole number of a JSON column
  json_get_float(json, path) A number of a JSON column
  json_get_bool(json, path) A truth of a JSON column
  json_contains(json, path) Whether a JSON column has it
  json_length(json, path) How many elements it has
  cardinality(list) How many elements
  array_length(list) How many elements
  array_has(list, value) Whether a list has a value
  array_to_string(list, separator) A list as text
  generate_series(from, to) A table of numbers or times in steps
  md5(text) A hash
`);
