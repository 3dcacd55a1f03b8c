drop function tickdeck_known.tickdeck_order_flow_v1(text, timestamptz, timestamptz, timestamptz, bigint);
