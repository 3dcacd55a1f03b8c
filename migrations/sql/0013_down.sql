drop function tickdeck_build_order_flow_v1(timestamptz, timestamptz, integer);
drop function tickdeck_order_flow_v1(text, timestamptz, timestamptz, timestamptz, bigint);
drop table order_flow;
drop table order_flow_hours;
