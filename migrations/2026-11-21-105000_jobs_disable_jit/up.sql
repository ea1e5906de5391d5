-- What a claim may cost is guessed from how many jobs a lane has: the limit is a parameter, taken for a tenth of
-- them. From some 250,000 jobs the guess passes jit_above_cost, and every claim compiles its plan, for 50 ms or
-- more, that then runs for less than one. None of these statements touches enough rows to gain by it.
DO $$
DECLARE
    name regprocedure;
BEGIN
    FOR name IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'jobs'::regnamespace AND prokind = 'f' AND proname NOT IN ('share', 'rotate')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET jit = off', name);
    END LOOP;
END
$$;
