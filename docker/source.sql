-- Two rows to begin with in the compose stack's source.
CREATE TABLE shop.customers (
    customer_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    email VARCHAR(255) NOT NULL UNIQUE,
    full_name VARCHAR(255) NOT NULL
);
INSERT INTO shop.customers (email, full_name)
VALUES ('ada@example.org', 'Ada Lovelace'), ('alan@example.org', 'Alan Turing');
