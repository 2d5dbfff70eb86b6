-- What is stored below a prefix is counted for its limits. The index on names serves for that here.
SELECT 0;
