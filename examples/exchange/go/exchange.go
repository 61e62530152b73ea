package main

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "heddle.example/exchange/contracts/common/v1"
	exchangev1 "heddle.example/exchange/contracts/exchange/v1"
)

// serviceName is what the mesh calls this service, whatever language an instance of it is written in.
const serviceName = "exchange"

// source names this program in its rates.
const source = "exchange-go"

// dollars says what one unit of a currency is worth in millionths of a dollar. Invented.
var dollars = map[string]int64{"USD": 1_000_000, "EUR": 1_100_000, "GBP": 1_250_000, "CHF": 1_200_000, "SEK": 95_000}

// watchPeriod is how often a watched rate changes.
const watchPeriod = 100 * time.Millisecond

type exchange struct {
	exchangev1.UnimplementedExchangeServiceServer
	now func() time.Time
}

func (e *exchange) GetRate(_ context.Context, request *exchangev1.GetRateRequest) (*exchangev1.GetRateResponse, error) {
	rate, err := e.rate(request.BaseCurrency, request.QuoteCurrency)
	if err != nil {
		return nil, err
	}
	return &exchangev1.GetRateResponse{Rate: rate}, nil
}

func (e *exchange) ConvertMoney(_ context.Context, request *exchangev1.ConvertMoneyRequest) (*exchangev1.ConvertMoneyResponse, error) {
	if request.Amount == nil {
		return nil, invalid("amount", "is required")
	}
	rate, err := e.rate(request.Amount.CurrencyCode, request.QuoteCurrency)
	if err != nil {
		return nil, err
	}
	worth, err := converted(request.Amount.MinorUnits, rate.Micros)
	if err != nil {
		return nil, err
	}
	return &exchangev1.ConvertMoneyResponse{
		Amount: &commonv1.Money{CurrencyCode: request.QuoteCurrency, MinorUnits: worth},
		Rate:   rate,
	}, nil
}

func (e *exchange) WatchRate(request *exchangev1.WatchRateRequest, stream grpc.ServerStreamingServer[exchangev1.WatchRateResponse]) error {
	if request.ChangesMax < 0 || request.ChangesMax > 1000 {
		return invalid("changes_max", "must be 0 to 1000")
	}
	ticker := time.NewTicker(watchPeriod)
	defer ticker.Stop()
	for sent := int32(0); request.ChangesMax == 0 || sent < request.ChangesMax; sent++ {
		rate, err := e.rate(request.BaseCurrency, request.QuoteCurrency)
		if err != nil {
			return err
		}
		// It wavers by a millionth, so that there is a change to see.
		rate.Micros += int64(sent % 2)
		if err := stream.Send(&exchangev1.WatchRateResponse{Rate: rate}); err != nil {
			return err
		}
		if sent+1 == request.ChangesMax {
			return nil
		}
		select {
		case <-ticker.C:
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
	return nil
}

func (e *exchange) rate(base, quote string) (*exchangev1.Rate, error) {
	for field, currency := range map[string]string{"base_currency": base, "quote_currency": quote} {
		if !isCurrency(currency) {
			return nil, invalid(field, "must be three upper-case letters")
		}
	}
	worth, inDollars := dollars[base], dollars[quote]
	if worth == 0 || inDollars == 0 {
		return nil, unknownRate(base, quote)
	}
	return &exchangev1.Rate{
		BaseCurrency:  base,
		QuoteCurrency: quote,
		Micros:        worth * 1_000_000 / inDollars,
		QuoteTime:     timestamppb.New(e.now()),
		Source:        source,
	}, nil
}

// amountMax is the bound of common.v1.Money, either way.
const amountMax = 1_000_000_000_000_000

// converted rounds half away from zero.
func converted(minorUnits, micros int64) (int64, error) {
	if minorUnits > amountMax || minorUnits < -amountMax {
		return 0, invalid("amount.minor_units", "must lie within 10^15 either way")
	}
	product := new(big.Int).Mul(big.NewInt(minorUnits), big.NewInt(micros))
	half := big.NewInt(500_000)
	if product.Sign() < 0 {
		half.Neg(half)
	}
	worth := product.Add(product, half).Quo(product, big.NewInt(1_000_000))
	if worth.CmpAbs(big.NewInt(amountMax)) > 0 {
		return 0, invalid("amount.minor_units", "is worth more than 10^15 in the other currency")
	}
	return worth.Int64(), nil
}

func isCurrency(code string) bool {
	if len(code) != 3 {
		return false
	}
	for _, letter := range code {
		if letter < 'A' || letter > 'Z' {
			return false
		}
	}
	return true
}

// unknownRate carries its reason in google.rpc.ErrorInfo, as every error of a mesh does.
func unknownRate(base, quote string) error {
	failed, err := status.Newf(codes.NotFound, "There is no rate of %s in %s.", base, quote).WithDetails(&errdetails.ErrorInfo{
		Reason:   "RATE_UNKNOWN",
		Domain:   "exchange.v1",
		Metadata: map[string]string{"baseCurrency": base, "quoteCurrency": quote},
	})
	return orInternal(failed, err)
}

func invalid(field, problem string) error {
	failed, err := status.Newf(codes.InvalidArgument, "The request is not valid: %s %s.", field, problem).WithDetails(
		&errdetails.ErrorInfo{Reason: "VALIDATION_FAILED", Domain: "exchange.v1"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: problem}}},
	)
	return orInternal(failed, err)
}

func orInternal(failed *status.Status, err error) error {
	if err != nil {
		return fmt.Errorf("an error could not be described: %w", err)
	}
	return failed.Err()
}
