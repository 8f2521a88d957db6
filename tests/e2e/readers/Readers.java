import com.alibaba.fastjson2.JSON;
import com.alibaba.otter.canal.protocol.FlatMessage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.formats.json.canal.CanalJsonDeserializationSchema;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.table.types.utils.TypeConversions;

/**
 * Reads Canal JSON messages, one a line, as other people's programs do, and prints the changes that
 * they understood: a JSON array a line, the kind of the change first, then the columns in order.
 *
 * <p>{@code Readers flink "ROW<id BIGINT, ...>"}: Apache Flink's canal-json format.
 *
 * <p>{@code Readers canal "id,..."}: the message class of Canal's own client.
 */
public final class Readers {
    private static final ObjectMapper OUT = new ObjectMapper();

    private interface Reader {
        /** The changes of one message. */
        List<List<Object>> read(byte[] message) throws Exception;
    }

    private static Object plain(Object value) {
        return value instanceof byte[]
                ? Base64.getEncoder().encodeToString((byte[]) value)
                : value == null ? null : value.toString();
    }

    private static Reader flink(String rowType) throws Exception {
        ClassLoader loader = Readers.class.getClassLoader();
        LogicalType type = LogicalTypeParser.parse(rowType, loader);
        CanalJsonDeserializationSchema schema =
                CanalJsonDeserializationSchema.builder(
                                TypeConversions.fromLogicalToDataType(type),
                                Collections.emptyList(),
                                InternalTypeInfo.of(type))
                        .build();
        schema.open(null);
        List<RowData.FieldGetter> fields = new ArrayList<>();
        for (LogicalType field : ((RowType) type).getChildren()) {
            fields.add(RowData.createFieldGetter(field, fields.size()));
        }
        return message -> {
            List<RowData> rows = new ArrayList<>();
            schema.deserialize(message, new ListCollector<>(rows));
            return rows.stream().map(row -> change(row, fields)).collect(Collectors.toList());
        };
    }

    private static List<Object> change(RowData row, List<RowData.FieldGetter> fields) {
        List<Object> change = new ArrayList<>();
        change.add(row.getRowKind().shortString());
        fields.forEach(field -> change.add(plain(field.getFieldOrNull(row))));
        return change;
    }

    private static Reader canal(String columns) {
        String[] names = columns.split(",");
        return message -> {
            FlatMessage flat = JSON.parseObject(message, FlatMessage.class);
            List<List<Object>> changes = new ArrayList<>();
            for (int i = 0; flat.getData() != null && i < flat.getData().size(); i++) {
                if (flat.getType().equals("UPDATE")) {
                    changes.add(changed(flat, i, names));
                }
                changes.add(row(flat.getType(), flat.getData().get(i), names));
            }
            return changes;
        };
    }

    /** The row before an UPDATE: what it is now, under the old values of what changed. */
    private static List<Object> changed(FlatMessage flat, int i, String[] names) {
        Map<String, String> before = new java.util.HashMap<>(flat.getData().get(i));
        before.putAll(flat.getOld().get(i));
        return row("BEFORE", before, names);
    }

    private static List<Object> row(String kind, Map<String, String> values, String[] names) {
        List<Object> change = new ArrayList<>();
        change.add(kind);
        for (String name : names) {
            if (!values.containsKey(name)) {
                throw new IllegalArgumentException("no column " + name + " in " + values.keySet());
            }
            change.add(values.get(name));
        }
        return change;
    }

    public static void main(String[] args) throws Exception {
        Reader reader = args[0].equals("flink") ? flink(args[1]) : canal(args[1]);
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            for (List<Object> change : reader.read(line.getBytes(StandardCharsets.UTF_8))) {
                System.out.write(OUT.writeValueAsBytes(change));
                System.out.write('\n');
            }
        }
        System.out.flush();
    }
}
