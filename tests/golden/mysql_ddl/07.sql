create table "x""y" ("a b" int comment 'it''s') -- end
# more