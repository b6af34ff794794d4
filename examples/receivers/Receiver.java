import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Takes announcements, and keeps the newest state of each order. Java's standard library is enough to verify them.
 *
 * <pre>SECRET=whsec_... PORT=8090 java Receiver.java</pre>
 */
public class Receiver {
    static final int BODY_BYTES_MAX = 1 << 20;
    static final Duration TOLERANCE = Duration.ofMinutes(5);

    /** What is told of an order, as far as it is kept here. */
    record Order(String source, String order, long epoch, long version, long captured) {
        boolean isNewerThan(Order known) {
            return epoch > known.epoch || (epoch == known.epoch && version > known.version);
        }

        /** Source and order stay as JSON has them, quotes and all. */
        String json() {
            return "{\"source\":%s,\"order\":%s,\"epoch\":%d,\"version\":%d,\"captured\":%d}"
                .formatted(source, order, epoch, version, captured);
        }
    }

    /**
     * Kept in memory, each order by one atomic step. In a database that is one statement, which another process cannot come
     * between: insert into orders values (...) on conflict (source, order_id) do update set ...
     * where (excluded.epoch, excluded.version) > (orders.epoch, orders.version)
     */
    static final Map<List<String>, Order> KNOWN = new ConcurrentHashMap<>();

    static void keepIfNewer(Order order) {
        KNOWN.merge(List.of(order.source, order.order), order, (known, told) -> told.isNewerThan(known) ? told : known);
    }

    /** Whether one of the signatures is over these bytes, at a time near now. */
    static boolean verifies(byte[] key, HttpExchange exchange, byte[] body) throws GeneralSecurityException {
        String id = header(exchange, "webhook-id");
        String sent = header(exchange, "webhook-timestamp");
        if (!sent.matches("\\d{1,12}")) return false;
        Duration age = Duration.between(Instant.ofEpochSecond(Long.parseLong(sent)), Instant.now()).abs();
        if (age.compareTo(TOLERANCE) > 0) return false;
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((id + "." + sent + ".").getBytes(StandardCharsets.UTF_8));
        byte[] expected = mac.doFinal(body);
        for (String signature : header(exchange, "webhook-signature").split(" ")) {
            if (!signature.startsWith("v1,")) continue;
            try {
                // In constant time.
                if (MessageDigest.isEqual(Base64.getDecoder().decode(signature.substring(3)), expected)) return true;
            } catch (IllegalArgumentException notBase64) {
                // Another signature may hold.
            }
        }
        return false;
    }

    static String header(HttpExchange exchange, String name) {
        String value = exchange.getRequestHeaders().getFirst(name);
        return value == null ? "" : value;
    }

    /** The message's fields by their names, each of which it has once. With a library for JSON, use that. */
    static Order read(String body) {
        return new Order(field(body, "source"), field(body, "order"), number(body, "epoch"), number(body, "version"),
            number(body, "captured"));
    }

    static String field(String body, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*(\"(?:[^\"\\\\]|\\\\.)*\"|-?\\d+|null)").matcher(body);
        if (!found.find()) throw new IllegalArgumentException("no " + name);
        return found.group(1);
    }

    static long number(String body, String name) {
        String text = field(body, name);
        return text.equals("null") ? 0 : Long.parseLong(text);
    }

    static int receive(byte[] key, HttpExchange exchange) throws IOException, GeneralSecurityException {
        byte[] body = exchange.getRequestBody().readNBytes(BODY_BYTES_MAX + 1);
        if (body.length > BODY_BYTES_MAX) return 413;
        // Over the bytes as they came, before anything is read from them.
        if (!verifies(key, exchange, body)) return 400;
        String message = new String(body, StandardCharsets.UTF_8);
        // Settlements have a ledger instead of a source, and would go into a table of their own.
        if (field(message, "type").startsWith("\"order.")) keepIfNewer(read(message));
        // Only now: what is not answered 2xx comes again.
        return 204;
    }

    static void answer(HttpExchange exchange, int status, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        byte[] key = Base64.getDecoder().decode(System.getenv("SECRET").replaceFirst("^whsec_", ""));
        int port = Integer.parseInt(System.getenv("PORT"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", exchange -> {
            try {
                if (exchange.getRequestMethod().equals("POST")) {
                    answer(exchange, receive(key, exchange), "");
                } else {
                    String orders = KNOWN.values().stream().map(Order::json).collect(Collectors.joining(","));
                    answer(exchange, 200, "[" + orders + "]");
                }
            } catch (IllegalArgumentException unreadable) {
                answer(exchange, 400, "");
            } catch (GeneralSecurityException | RuntimeException failure) {
                failure.printStackTrace();
                answer(exchange, 500, "");
            }
        });
        server.start();
    }
}
