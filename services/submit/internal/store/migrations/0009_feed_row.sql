INSERT INTO feed (generation, relay, relay_till) VALUES (0, '', '-infinity');
