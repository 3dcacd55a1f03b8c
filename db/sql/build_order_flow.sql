select tickdeck_build_order_flow_v1($1, $2, $3)
