-- A sample database of the kind that users have: a chain of rental shops. Foreign keys (also to
-- itself and in a circle), views over views, triggers that write to other tables, routines, an
-- event, generated columns, partitions, full-text and spatial indexes, blobs, several charsets.
-- Statements end with a line of its own: ;;
CREATE TABLE country (
  country_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  code CHAR(2) CHARACTER SET ascii NOT NULL COMMENT 'ISO 3166 alpha-2',
  name VARCHAR(60) CHARACTER SET latin1 NOT NULL,
  updated TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE KEY by_code (code)
) COMMENT='Länder'
;;
CREATE TABLE city (
  city_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  country_id SMALLINT UNSIGNED NOT NULL,
  name VARCHAR(60) NOT NULL,
  place POINT NOT NULL,
  SPATIAL KEY by_place (place),
  KEY by_country (country_id),
  CONSTRAINT city_country FOREIGN KEY (country_id) REFERENCES country (country_id)
    ON DELETE RESTRICT ON UPDATE CASCADE
)
;;
CREATE TABLE address (
  address_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  city_id SMALLINT UNSIGNED NOT NULL,
  street VARCHAR(80) NOT NULL,
  street2 VARCHAR(80) DEFAULT NULL,
  postcode VARCHAR(12) CHARACTER SET ascii NOT NULL DEFAULT '',
  phone VARBINARY(20) DEFAULT NULL,
  KEY by_city (city_id, postcode DESC),
  CONSTRAINT address_city FOREIGN KEY (city_id) REFERENCES city (city_id)
)
;;
CREATE TABLE shop (
  shop_id TINYINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  manager_id SMALLINT UNSIGNED DEFAULT NULL,
  address_id INT UNSIGNED NOT NULL,
  opens TIME NOT NULL DEFAULT '08:30:00',
  UNIQUE KEY by_manager (manager_id),
  CONSTRAINT shop_address FOREIGN KEY (address_id) REFERENCES address (address_id)
)
;;
CREATE TABLE staff (
  staff_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  shop_id TINYINT UNSIGNED NOT NULL,
  boss_id SMALLINT UNSIGNED DEFAULT NULL,
  first_name VARCHAR(45) NOT NULL,
  last_name VARCHAR(45) NOT NULL,
  full_name VARCHAR(91) GENERATED ALWAYS AS (CONCAT(first_name, ' ', last_name)) VIRTUAL,
  name_length INT GENERATED ALWAYS AS (CHAR_LENGTH(last_name)) STORED,
  picture MEDIUMBLOB,
  active BOOLEAN NOT NULL DEFAULT TRUE,
  salary DECIMAL(9,2) NOT NULL DEFAULT 0.00,
  hired DATE NOT NULL,
  KEY by_name (last_name(10), first_name),
  CONSTRAINT staff_shop FOREIGN KEY (shop_id) REFERENCES shop (shop_id),
  CONSTRAINT staff_boss FOREIGN KEY (boss_id) REFERENCES staff (staff_id) ON DELETE SET NULL,
  CONSTRAINT salary_is_paid CHECK (salary >= 0)
)
;;
ALTER TABLE shop ADD CONSTRAINT shop_manager FOREIGN KEY (manager_id) REFERENCES staff (staff_id)
;;
CREATE TABLE language (
  language_id TINYINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
)
;;
CREATE TABLE film (
  film_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  title VARCHAR(128) NOT NULL,
  description TEXT,
  language_id TINYINT UNSIGNED NOT NULL,
  original_language_id TINYINT UNSIGNED DEFAULT NULL,
  made YEAR DEFAULT NULL,
  rate DECIMAL(4,2) NOT NULL DEFAULT 4.99,
  minutes SMALLINT UNSIGNED DEFAULT NULL,
  rating ENUM('G','PG','PG-13','R','NC-17') DEFAULT 'G',
  features SET('Trailers','Commentaries','Deleted Scenes','Behind the Scenes') DEFAULT NULL,
  facts JSON DEFAULT NULL,
  FULLTEXT KEY by_text (title, description),
  KEY by_language (language_id),
  CONSTRAINT film_language FOREIGN KEY (language_id) REFERENCES language (language_id),
  CONSTRAINT film_original FOREIGN KEY (original_language_id) REFERENCES language (language_id)
)
;;
CREATE TABLE actor (
  actor_id BINARY(16) NOT NULL PRIMARY KEY,
  name VARCHAR(90) NOT NULL
)
;;
CREATE TABLE film_actor (
  actor_id BINARY(16) NOT NULL,
  film_id INT UNSIGNED NOT NULL,
  PRIMARY KEY (actor_id, film_id),
  KEY by_film (film_id),
  CONSTRAINT of_actor FOREIGN KEY (actor_id) REFERENCES actor (actor_id) ON DELETE CASCADE,
  CONSTRAINT of_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON DELETE CASCADE
)
;;
CREATE TABLE inventory (
  inventory_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  film_id INT UNSIGNED NOT NULL,
  shop_id TINYINT UNSIGNED NOT NULL,
  state BIT(3) NOT NULL DEFAULT b'001',
  CONSTRAINT inventory_film FOREIGN KEY (film_id) REFERENCES film (film_id),
  CONSTRAINT inventory_shop FOREIGN KEY (shop_id) REFERENCES shop (shop_id)
)
;;
CREATE TABLE customer (
  customer_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  shop_id TINYINT UNSIGNED NOT NULL,
  email VARCHAR(80) DEFAULT NULL,
  name VARCHAR(90) NOT NULL,
  balance DOUBLE NOT NULL DEFAULT 0,
  born DATETIME(3) DEFAULT NULL,
  UNIQUE KEY by_email (email),
  CONSTRAINT customer_shop FOREIGN KEY (shop_id) REFERENCES shop (shop_id)
)
;;
CREATE TABLE rental (
  rental_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  inventory_id INT UNSIGNED NOT NULL,
  customer_id INT UNSIGNED NOT NULL,
  began DATETIME(6) NOT NULL,
  ended DATETIME(6) DEFAULT NULL,
  UNIQUE KEY once (inventory_id, began),
  CONSTRAINT rental_inventory FOREIGN KEY (inventory_id) REFERENCES inventory (inventory_id),
  CONSTRAINT rental_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id)
)
;;
CREATE TABLE payment (
  payment_id BIGINT NOT NULL AUTO_INCREMENT,
  paid_on DATE NOT NULL,
  rental_id BIGINT DEFAULT NULL,
  amount DECIMAL(8,2) NOT NULL,
  PRIMARY KEY (payment_id, paid_on)
)
PARTITION BY RANGE (YEAR(paid_on)) (
  PARTITION until_2024 VALUES LESS THAN (2025),
  PARTITION in_2025 VALUES LESS THAN (2026),
  PARTITION later VALUES LESS THAN MAXVALUE
)
;;
CREATE TABLE turnover (
  paid_on DATE NOT NULL PRIMARY KEY,
  payments INT NOT NULL,
  amount DECIMAL(12,2) NOT NULL
)
;;
CREATE TABLE `order`.`by` (
  `group` INT NOT NULL PRIMARY KEY,
  `select``ed` VARCHAR(10) DEFAULT 'it''s; fine'
)
;;
CREATE VIEW staff_list AS
  SELECT s.staff_id AS id, s.full_name, c.name AS city FROM staff s JOIN shop h USING (shop_id)
  JOIN address a USING (address_id) JOIN city c USING (city_id)
;;
CREATE VIEW film_count AS SELECT l.name AS language, COUNT(*) AS films
  FROM film f JOIN language l USING (language_id) GROUP BY l.name
;;
CREATE VIEW a_view_of_views AS SELECT id, full_name FROM staff_list WHERE city <> 'x; y'
;;
CREATE FUNCTION late_fee(days INT) RETURNS DECIMAL(6,2) DETERMINISTIC
BEGIN
  IF days <= 0 THEN
    RETURN 0;
  END IF;
  RETURN days * 1.50;
END
;;
CREATE PROCEDURE pay(IN which BIGINT, IN how_much DECIMAL(8,2), IN on_day DATE)
BEGIN
  INSERT INTO payment (paid_on, rental_id, amount) VALUES (on_day, which, how_much);
  UPDATE rental SET ended = NOW(6) WHERE rental_id = which;
END
;;
CREATE TRIGGER payment_counts AFTER INSERT ON payment FOR EACH ROW
BEGIN
  INSERT INTO turnover VALUES (NEW.paid_on, 1, NEW.amount)
    ON DUPLICATE KEY UPDATE payments = payments + 1, amount = amount + NEW.amount;
END
;;
CREATE TRIGGER payment_again AFTER INSERT ON payment FOR EACH ROW
  UPDATE customer SET balance = balance - NEW.amount
  WHERE customer_id = (SELECT customer_id FROM rental WHERE rental_id = NEW.rental_id)
;;
CREATE TRIGGER customer_email BEFORE UPDATE ON customer FOR EACH ROW
  SET NEW.email = LOWER(NEW.email)
;;
CREATE EVENT forget ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' ENABLE
  DO DELETE FROM payment WHERE paid_on < '2001-01-01'
;;
