/* avro_c SCHEMAS < MESSAGES - reads messages by avro-c and prints each as a line of JSON; the half
 * in C of avro_c.py. SCHEMAS is a folder with a file for each schema, named by its id; before each
 * message stands its length, four bytes, big-endian. Bytes are printed as {"bytes": "00ff"}, a
 * union as the value that it has. Ends with 1 and the reason on stderr at the first that avro-c
 * does not read whole. */
#include <stdbool.h>
#include <stdint.h>

#include <avro.h>
#include <jansson.h>

enum { FILE_BYTES_MAX = 8 << 20, MESSAGE_BYTES_MAX = 64 << 20, HEAD = 5 };

static int fault(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

/* --- values as JSON; NULL: avro-c or jansson refuses --- */

static json_t *json_of(const avro_value_t *value);

static json_t *json_of_bytes(const avro_value_t *value)
{
    static const char digits[] = "0123456789abcdef";
    const void *p = NULL;
    size_t n = 0;
    char *hex = avro_value_get_bytes(value, &p, &n) == 0 ? malloc(2 * n + 1) : NULL;
    if (hex == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t octet = ((const uint8_t *)p)[i];
        hex[2 * i] = digits[octet >> 4];
        hex[2 * i + 1] = digits[octet & 15];
    }
    json_t *json = json_pack("{s:s%}", "bytes", hex, 2 * n);
    free(hex);
    return json;
}

/* A record or map is an object, an array an array. */
static json_t *json_of_parts(const avro_value_t *value, bool named)
{
    size_t n = 0;
    json_t *json = named ? json_object() : json_array();
    bool good = json != NULL && avro_value_get_size(value, &n) == 0;
    for (size_t i = 0; good && i < n; i++) {
        avro_value_t part;
        const char *name = NULL;
        good = avro_value_get_by_index(value, i, &part, &name) == 0;
        json_t *inner = good ? json_of(&part) : NULL;
        good = inner != NULL && (named ? json_object_set_new(json, name, inner)
                                       : json_array_append_new(json, inner)) == 0;
    }
    if (!good) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *json_of_number(const avro_value_t *value)
{
    int32_t i = 0;
    int64_t l = 0;
    float f = 0;
    double d = 0;
    switch (avro_value_get_type(value)) {
    case AVRO_INT32:
        return avro_value_get_int(value, &i) == 0 ? json_integer(i) : NULL;
    case AVRO_INT64:
        return avro_value_get_long(value, &l) == 0 ? json_integer(l) : NULL;
    case AVRO_FLOAT:
        return avro_value_get_float(value, &f) == 0 ? json_real((double)f) : NULL;
    default:
        return avro_value_get_double(value, &d) == 0 ? json_real(d) : NULL;
    }
}

static json_t *json_of_word(const avro_value_t *value)
{
    const char *text = NULL;
    size_t n = 0;
    int b = 0;
    switch (avro_value_get_type(value)) {
    case AVRO_STRING: /* its length counts the zero behind it */
        return avro_value_get_string(value, &text, &n) == 0 ? json_stringn(text, n - 1) : NULL;
    case AVRO_ENUM:
        return avro_value_get_enum(value, &b) == 0
                   ? json_string(avro_schema_enum_get(avro_value_get_schema(value), b))
                   : NULL;
    default:
        return avro_value_get_boolean(value, &b) == 0 ? json_boolean(b) : NULL;
    }
}

static json_t *json_of(const avro_value_t *value)
{
    avro_value_t branch;
    switch (avro_value_get_type(value)) {
    case AVRO_UNION:
        return avro_value_get_current_branch(value, &branch) == 0 ? json_of(&branch) : NULL;
    case AVRO_NULL:
        return json_null();
    case AVRO_BYTES:
        return json_of_bytes(value);
    case AVRO_RECORD:
    case AVRO_MAP:
        return json_of_parts(value, true);
    case AVRO_ARRAY:
        return json_of_parts(value, false);
    case AVRO_STRING:
    case AVRO_ENUM:
    case AVRO_BOOLEAN:
        return json_of_word(value);
    default:
        return json_of_number(value);
    }
}

/* --- schemas and messages --- */

static int print_value(const avro_value_t *value)
{
    json_t *json = json_of(value);
    if (json == NULL) {
        return fault("a value", avro_strerror());
    }
    int rc = json_dumpf(json, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    return rc == 0 && putchar('\n') != EOF ? 0 : fault("a value", "it cannot be printed");
}

static int read_value(avro_schema_t schema, const char *p, size_t n)
{
    avro_value_t value;
    char rest;
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory(p, (int64_t)n);
    if (iface == NULL || reader == NULL || avro_generic_value_new(iface, &value) != 0) {
        return fault("a schema", avro_strerror()); /* the process ends: so do its objects */
    }
    int rc = avro_value_read(reader, &value) != 0 ? fault("a message", avro_strerror())
             : avro_read(reader, &rest, 1) == 0   ? fault("a message", "something is left of it")
                                                  : print_value(&value);
    avro_value_decref(&value);
    avro_reader_free(reader);
    avro_value_iface_decref(iface);
    return rc;
}

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int read_schema(const char *folder, uint32_t id, avro_schema_t *schema)
{
    static char text[FILE_BYTES_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%u", folder, (unsigned)id);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fault(path, "it is not there");
    }
    size_t n = fread(text, 1, sizeof text, file);
    fclose(file);
    return avro_schema_from_json_length(text, n, schema) == 0 ? 0 : fault(path, avro_strerror());
}

int main(int argc, char **argv)
{
    static char message[MESSAGE_BYTES_MAX];
    uint8_t length[4];
    avro_schema_t schema = NULL;
    uint32_t id = 0; /* schema's */
    int rc = argc == 2 ? 0 : fault("usage", "avro_c SCHEMAS < MESSAGES");
    while (rc == 0 && fread(length, 1, sizeof length, stdin) == sizeof length) {
        size_t n = number(length);
        if (n < HEAD || n > sizeof message || fread(message, 1, n, stdin) != n || message[0] != 0) {
            rc = fault("a message", "it is not in Confluent's wire format");
            break;
        }
        uint32_t wanted = number((const uint8_t *)message + 1);
        if (schema == NULL || wanted != id) {
            avro_schema_decref(schema);
            schema = NULL;
            id = wanted;
            rc = read_schema(argv[1], id, &schema);
        }
        rc = rc == 0 ? read_value(schema, message + HEAD, n - HEAD) : rc;
    }
    avro_schema_decref(schema);
    return rc;
}
