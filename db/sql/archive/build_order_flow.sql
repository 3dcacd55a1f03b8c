-- Fold what is due of a day before its ticks go: how many hours, null where somebody else is at it.
select tickdeck_build_order_flow_v1(%(start)s, %(until)s, 50);
